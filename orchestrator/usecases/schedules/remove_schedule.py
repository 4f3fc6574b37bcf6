"""Remove a schedule with its history."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, refuse_outdated
from orchestrator.domain.errors import UnknownSchedule
from orchestrator.domain.schedule import Schedule
from orchestrator.domain.selection import own_list
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import scope_of_schedule
from orchestrator.usecases.schedules.describe_schedules import facts_shown

log = get_logger(__name__)


async def remove_schedule(
    app: App,
    name: str,
    *,
    by: Actor,
    reason: str | None = None,
    shown: Facts | None = None,
    refuse_if_outdated: Callable[[Schedule], None] | None = None,
) -> None:
    """Remove a schedule and its history; its jobs stay.

    ConfirmationOutdated where its facts are not as `shown`. `refuse_if_outdated` gets the schedule before its removal;
    an exception from it leaves the schedule.
    """
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        if by.grant.is_limited:
            # An actor without limits may also remove a schedule that cannot be read.
            by.grant.refuse_change(await scope_of_schedule(tx, await tx.schedules.by_name(name)))
        if shown is not None:
            refuse_outdated(shown, await facts_shown(tx, await tx.schedules.by_name(name)))
        if refuse_if_outdated is not None:
            now = await tx.schedules.locked((await tx.schedules.by_name(name)).number)
            if now is None:
                raise UnknownSchedule(name)
            refuse_if_outdated(now)
        await tx.schedules.remove(name)
        await tx.lists.discard(own_list(name))
        await tx.audit.write(by, "schedule.removed", name, reason=reason, now=await tx.now())
    log.info("schedule.removed", schedule=name, by=by.name)
