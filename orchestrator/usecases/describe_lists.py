"""The read side of saved lists, and their end."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from orchestrator.domain.access import Asker, Role
from orchestrator.store.saved_lists import ListVersion
from orchestrator.usecases.app import App
from orchestrator.usecases.scopes import refuse_list_change

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ListView:
    """A list with its versions, newest first, and the schedules that refer to it."""

    versions: tuple[ListVersion, ...]
    schedules: tuple[str, ...]


async def list_lists(app: App) -> list[ListVersion]:
    """Every list as it was last imported."""
    async with app.store.reading() as tx:
        return await tx.lists.all()


async def describe_list(app: App, name: str) -> ListView:
    """One list; UnknownList where there is none."""
    async with app.store.reading() as tx:
        return ListView(tuple(await tx.lists.versions(name)), tuple(await tx.schedules.names_of_list(name)))


async def remove_list(app: App, name: str, *, by: Asker, reason: str | None = None) -> list[str]:
    """Remove a list; answers with the schedules that refer to it and will be set aside when they are due."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        await refuse_list_change(tx, by.grant, name)
        await tx.lists.remove(name)
        await tx.audit.write(by, "list.removed", name, reason=reason, now=await tx.now())
        schedules = await tx.schedules.names_of_list(name)
    log.info("list.removed", schedules=len(schedules))
    return schedules
