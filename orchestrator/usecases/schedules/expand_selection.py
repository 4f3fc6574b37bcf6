"""The selection of a schedule is expanded: what it has now becomes a new version of the schedule's own list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import GraphUnreachable
from orchestrator.domain.schedule import Order
from orchestrator.domain.selection import Selection, changes_words, own_list, refuse_collapsed
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.select_devices import selected
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.lists.receive_version import ReceivedVersion, receiving_version

_PATIENCE = 300.0
"""Seconds for one expansion: 20,000 members are some forty reads."""


@dataclass(frozen=True, slots=True)
class ExpandedSelection:
    """The devices of a selection, hidden until published; `notes` are sentences about devices left out."""

    received: ReceivedVersion
    label: str
    notes: tuple[str, ...]
    before: int

    @property
    def version(self) -> ListVersion:
        """The version of the schedule's own list."""
        return self.received.version

    @property
    def words(self) -> str:
        """Describes the selection: its size, the change from the last run, and the devices left out."""
        version = self.version
        came_to = changes_words(
            self.label,
            version=1 if not self.before else version.version,
            devices=version.devices,
            added=version.added,
            removed=version.removed,
        )
        return ". ".join([came_to, *(note.removesuffix(".") for note in self.notes)])

    async def publish(self, tx: Transaction) -> None:
        """Let the version be seen from the commit on."""
        await self.received.publish(tx)


@asynccontextmanager
async def expanded(
    app: App, schedule: str, order: Order, source: Selection, *, by: Actor
) -> AsyncIterator[ExpandedSelection]:
    """The selection as it is now, to be published within the block.

    EmptySelection; GraphUnreachable where Graph does not answer in time; what `selected` raises.
    """
    notes: list[str] = []
    name = own_list(schedule)
    tenant = app.tenant(order.tenant)
    try:
        deadline = asyncio.timeout(_PATIENCE)
        async with (
            deadline,
            selected(app, tenant.name, source, say=notes.append) as stream,
            receiving_version(
                app,
                name,
                stream,
                tenant=tenant,
                via=order.via,
                file_name=None,
                options=IntakeOptions(is_selection=True),
                by=by,
            ) as received,
        ):
            deadline.reschedule(None)
            async with app.store.reading() as tx:
                before = await tx.lists.find_newest(name)
            devices = 0 if before is None else before.devices
            yield ExpandedSelection(received, source.label, tuple(notes), devices)
    except TimeoutError:
        raise GraphUnreachable(f"The selection ({source.label}) could not be expanded in time.") from None


def refuse_if_collapsed(expansion: ExpandedSelection, schedule: str) -> None:
    """SelectionCollapsed where so few devices are left that a person has to decide."""
    refuse_collapsed(expansion.label, before=expansion.before, devices=expansion.version.devices, schedule=schedule)
