"""The read side of saved lists, and their end."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, list_facts, refuse_outdated
from orchestrator.domain.errors import ListNeeded
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.domain.selection import is_own_list
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import refuse_list_change

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListView:
    """A list with its versions, newest first, and the schedules that refer to it."""

    versions: tuple[ListVersion, ...]
    schedules: tuple[str, ...]


async def list_lists(app: App) -> list[ListVersion]:
    """Every list as it was last imported, less those that hold the selections of schedules."""
    async with app.store.reading() as tx:
        return [version for version in await tx.lists.all() if not is_own_list(version.name)]


async def describe_list(app: App, name: str) -> ListView:
    """One list; UnknownList where there is none."""
    async with app.store.reading() as tx:
        return ListView(tuple(await tx.lists.versions(name)), tuple(await tx.schedules.names_of_list(name)))


async def remove_list(
    app: App,
    name: str,
    *,
    by: Actor,
    reason: str | None = None,
    force: bool = False,
    shown: Facts | None = None,
) -> list[str]:
    """Remove a list with its versions.

    ListNeeded where a schedule that has not ended refers to it. With `force` it is removed all the same, and the
    answer is those schedules: each is set aside when it is due. ConfirmationOutdated where the list, or what needs it,
    is not as it was `shown`.
    """
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        # A schedule that is added at this moment holds the list until its commit.
        await tx.lists.hold(name)
        await refuse_list_change(tx, by.grant, name)
        statuses = await tx.schedules.statuses()
        needing = [
            each for each in await tx.schedules.names_of_list(name) if statuses[each] is not ScheduleStatus.ENDED
        ]
        newest = await tx.lists.newest(name)
        refuse_outdated(shown, list_facts(newest.version, newest.devices, await tx.schedules.names_of_list(name)))
        if needing and not force:
            raise ListNeeded(name, needing)
        await tx.lists.remove(name)
        facts = {"schedules": needing} if needing else None
        await tx.audit.write(by, "list.removed", name, reason=reason, facts=facts, now=await tx.now())
    log.info("list.removed", schedules=len(needing))
    return needing
