"""Who is told that an inventory will soon be too old, or that another one waits."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator.app import App, Messenger
from orchestrator.domain.notice import Channel
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.inventory.refresh_inventory import accept_inventory
from orchestrator.usecases.operations.try_channel import list_notices
from orchestrator.usecases.operations.write_inventory_notices import write_inventory_notices
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids
from tests.support.clock import ManualClock
from tests.support.reading import Rig

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as opened:
        channel = Channel("ops", ChannelKind.WEBHOOK, frozenset(Event))
        yield replace(opened, messenger=Messenger({"ops": channel}, None))


async def titles(app: App) -> list[str]:
    return [each.notice.title for each in await list_notices(app, limit=10)]


async def test_an_inventory_is_told_of_once_two_days_before_it_is_too_old(app: App, clock: ManualClock) -> None:
    rows = f"Device ID,Device name,Managed by,OS\n{device_ids(1)[0]},BER-1,Co-managed,Windows\n"
    source = InventorySource(io.BytesIO(rows.encode()), "devices.csv")
    await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)

    clock.advance(days=5)
    await write_inventory_notices(app)
    before = await titles(app)
    clock.advance(minutes=5)
    for _ in range(2):
        await write_inventory_notices(app)

    assert (before, await titles(app)) == ([], ["Inventory of default: will soon be too old"])


async def test_an_inventory_that_waits_to_be_accepted_is_told_of_once(app: App) -> None:
    rig = Rig(app)
    rig.graph.directory.add_fleet(30)
    await rig.refresh()
    for device in [*rig.graph.directory.devices][:10]:
        del rig.graph.directory.devices[device]
    await rig.refresh()

    for _ in range(2):
        await write_inventory_notices(app)
    told = await titles(app)
    accepted = await accept_inventory(app, "default", by=SOMEBODY, reason=None)

    assert told == ["Inventory of default: another one waits to be accepted"]
    assert accepted.summary.devices == 20
