"""Adds a schedule, after a check of everything that it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.confirmation import Confirm, Facts
from orchestrator.domain.errors import NameTaken, ScheduleInvalid
from orchestrator.domain.options import assembled
from orchestrator.domain.recurrence import Recurrence, first_occurrences, recurrence_of
from orchestrator.domain.schedule import Order, Rules
from orchestrator.domain.selection import Selection, own_list
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.idempotency import Idempotency, result_before, result_of_key
from orchestrator.usecases.lists.import_list import refuse_bad_name
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, describe_schedule
from orchestrator.usecases.schedules.expand_selection import ExpandedSelection, expanded
from orchestrator.usecases.schedules.judge_schedule import refuse_bad_schedule

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """The request for a new schedule."""

    name: str
    recurrence: Recurrence
    order: Order
    rules: Rules = field(default_factory=Rules)
    channels: tuple[str, ...] = ()
    blackouts: tuple[Blackout, ...] = ()

    @classmethod
    def of(
        cls, values: Mapping[str, Any], *, source: Selection | None, blackouts: Iterable[Blackout], now: datetime
    ) -> NewSchedule:
        """The request that an edge took: `values` by the names of the options, each checked here."""
        return cls(
            name=values["name"],
            recurrence=recurrence_of(
                values.get("cron"), values.get("every"), values.get("at"), values["timezone"], now=now
            ),
            order=assembled(Order, values, list_name=values.get("list_name") or "", source=source),
            rules=assembled(Rules, values),
            channels=tuple(values["notify"]),
            blackouts=tuple(blackouts),
        )


async def add_schedule(
    app: App,
    new: NewSchedule,
    *,
    by: Actor,
    confirm: Confirm | None = None,
    shown_list: Facts | None = None,
    idempotency: Idempotency | None = None,
) -> ScheduleView:
    """Stores the schedule after a check, so that a fault is reported now and not at its first run.

    A selection is expanded now: EmptySelection, UnknownGroup, AmbiguousGroup, PermissionMissing, NoInventory.
    With the key of the same request before, the answer is that schedule; IdempotencyConflict for another request.
    """
    by.grant.refuse_change(scope_of(new.order.action, new.order.tenant, 0))
    refuse_bad_name(new.name, "a schedule")
    if new.order.source is None:
        await _add(app, new, by=by, confirm=confirm, shown_list=shown_list, expansion=None, idempotency=idempotency)
    elif not await _is_added(app, new.name, idempotency):
        order = replace(new.order, list_name=own_list(new.name), ceiling=by.grant.ceiling)
        # Of an old inventory the schedule itself says that its runs will not start.
        source = replace(new.order.source, is_stale_ok=True)
        async with expanded(app, new.name, order, source, by=by) as expansion:
            wanted = replace(new, order=order)
            await _add(app, wanted, by=by, confirm=confirm, expansion=expansion, idempotency=idempotency)
    return await describe_schedule(app, new.name)


async def _is_added(app: App, name: str, idempotency: Idempotency | None) -> bool:
    """Whether this request made the schedule before; NameTaken where another one did."""
    async with app.store.reading() as tx:
        if await result_of_key(tx, idempotency) is not None:
            return True
        if name in await tx.schedules.statuses():
            raise NameTaken(f"There is a schedule {name!r} already. Remove it first, or take another name.")
        return False


async def _add(
    app: App,
    new: NewSchedule,
    *,
    by: Actor,
    confirm: Confirm | None,
    shown_list: Facts | None = None,
    expansion: ExpandedSelection | None,
    idempotency: Idempotency | None,
) -> None:
    async with app.store.transaction() as tx:
        if await result_before(tx, idempotency, new.name) is not None:
            return
        now = await tx.now()
        first = first_occurrences(new.recurrence, now, 1)
        if not first:
            raise ScheduleInvalid("This schedule is never due.")
        schedule = await tx.schedules.add(
            new.name, new.recurrence, new.order, new.rules, new.channels, by=by.name, creator=by.caller, now=now
        )
        await tx.schedules.add_blackouts(new.blackouts, schedule=schedule.number)
        if expansion is not None:
            await expansion.publish(tx)
        await refuse_bad_schedule(app, tx, schedule, by=by, confirm=confirm, shown_list=shown_list)
        await tx.schedules.advance(schedule, first[0].at)
        facts = {"action": new.order.action, "list": new.order.devices_of}
        await tx.audit.write(by, "schedule.added", new.name, reason=new.order.reason, facts=facts, now=now)
    log.info("schedule.added", schedule=new.name, next_at=first[0].at, by=by.name)
