"""The inventory is read from a simulated Graph in this process, with the faults that its read side is known for."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from orchestrator.app import App, Reads
from orchestrator.domain.errors import GraphUnreachable, PermissionMissing, ReadFailed, RequestRejected
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import NoInventory
from orchestrator.domain.inventory_changes import InventoryChanges
from orchestrator.domain.recurrence import Cron
from orchestrator.domain.tenant import Tenant
from orchestrator.graph.export_jobs import checked_address
from orchestrator.inventory.contents import add_page, describe_inventory, forget_inventory, search_inventory
from orchestrator.inventory.reading import Route
from orchestrator.inventory.refresh_inventory import INTERRUPTED_AFTER, accept_inventory, refresh_inventory
from orchestrator.inventory.refresh_when_due import InventoryRefresher
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids
from tests.support.clock import ManualClock
from tests.support.reading import Rig
from tests.support.waiting import PATIENCE


class ForEver(set[int]):
    """Pages that time out however often they are asked for."""

    def discard(self, element: object, /) -> None:
        """Keep it."""


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


@pytest.fixture
def rig(app: App) -> Rig:
    return Rig(app)


async def devices_of(app: App) -> list[str]:
    current, _ = await describe_inventory(app, "default")
    async with app.store.reading() as tx:
        return [device.id for device in await tx.inventory_devices.page_after(current.number, "", limit=100_000)]


def tenant_attached(device: str) -> dict[str, str]:
    return {
        "id": device,
        "deviceName": "SRV-1",
        "serialNumber": "S-SRV-1",
        "managementAgent": "configurationManagerClient",
    }


pytestmark = pytest.mark.enable_socket


async def test_reports_become_the_inventory_and_the_download_gets_no_token(rig: Rig) -> None:
    rig.graph.directory.add_fleet(200)
    [attached] = device_ids(1, seed=5)
    rig.graph.directory.add_devices([tenant_attached(attached)], in_list=False)

    refreshed = await rig.refresh()

    assert refreshed.inventory.summary.devices == 201
    assert (refreshed.inventory.source, refreshed.inventory.changes) == ("refresh", InventoryChanges(new=201))
    assert attached in await devices_of(rig.app)
    downloads = [request for request in rig.wire.requests if "_downloads" in str(request.url)]
    assert len(downloads) == 2
    assert {request.url.host for request in downloads} == {"localhost"}
    assert not any("authorization" in request.headers for request in downloads)
    assert rig.graph.reads.total == 0


async def test_a_job_that_hangs_is_replaced(rig: Rig) -> None:
    rig.graph.directory.add_fleet(20)
    rig.graph.reads.exports.hanging = 1

    refreshed = await rig.refresh(Route.EXPORT)

    assert (refreshed.inventory.summary.devices, rig.graph.reads.exports.begun) == (20, 3)


async def test_reports_that_never_come_leave_the_list(rig: Rig) -> None:
    rig.graph.directory.add_fleet(20)
    rig.graph.reads.exports.hanging = 3
    [attached] = device_ids(1, seed=5)
    rig.graph.directory.add_devices([tenant_attached(attached)], in_list=False)

    refreshed = await rig.refresh()

    assert refreshed.inventory.summary.devices == 21
    assert "DevicesWithInventory" in refreshed.notes[0]
    assert "report Devices " not in refreshed.notes[0]


async def test_a_second_report_takes_the_place_of_one_that_fails(rig: Rig) -> None:
    rig.graph.directory.add_fleet(20)
    rig.graph.reads.exports.failing = 3

    refreshed = await rig.refresh()

    assert (refreshed.inventory.summary.devices, refreshed.notes) == (20, ())
    assert (rig.graph.reads.exports.begun, rig.graph.reads.total) == (5, 0)


async def test_a_second_report_takes_the_place_of_an_empty_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.graph.directory.add_fleet(20)
    exports = rig.graph.reads.exports
    devices_in = exports._devices
    monkeypatch.setattr(
        exports, "_devices", lambda report: [] if report == "DevicesWithInventory" else devices_in(report)
    )

    refreshed = await rig.refresh()

    assert (refreshed.inventory.summary.devices, refreshed.notes) == (20, ())
    assert (exports.begun, rig.graph.reads.total) == (3, 0)


async def test_the_list_takes_the_place_of_two_reports_that_fail(rig: Rig) -> None:
    rig.graph.directory.add_fleet(20)
    rig.graph.reads.exports.failing = 6

    refreshed = await rig.refresh()

    assert refreshed.inventory.summary.devices == 20
    assert "report DevicesWithInventory did not" in refreshed.notes[0]
    assert "report Devices did not" in refreshed.notes[0]


async def test_a_listing_survives_a_timeout_and_renames_in_its_middle(rig: Rig) -> None:
    rig.graph.directory.add_fleet(2_100)
    ordered = sorted(rig.graph.directory.devices.values(), key=lambda device: device["deviceName"])
    rig.graph.reads.faults.timeouts_at_pages.add(2)
    # One device moves behind the first page and comes twice, another moves before it and is missing in this pass.
    rig.graph.reads.faults.renames[1] = {ordered[0]["id"]: "ZZ", ordered[-1]["id"]: "AA"}
    said: list[str] = []

    refreshed = await rig.refresh(Route.LIST, said.append)

    assert refreshed.inventory.summary.devices == 2_100
    assert sorted(await devices_of(rig.app)) == sorted(device["id"] for device in ordered)
    assert "1 device" in refreshed.notes[0]
    assert "HTTP 504 (The service did not answer in time.); asking again in 1 s (attempt 2 of 8" in said[2]
    assert said[3] == "Graph answered."


async def test_a_page_is_on_its_way_while_the_one_before_is_stored_and_a_report_is_made(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.graph.directory.add_fleet(1_500)

    def asked(path: str) -> list[int]:
        return [place for place, request in enumerate(rig.wire.requests) if path in str(request.url)]

    async def add_once_the_next_is_asked_for(*given: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(asked("managedDevices")) < 2:  # noqa: ASYNC110 - the wire sets no event
                await asyncio.sleep(0)
        await add_page(*given)

    monkeypatch.setattr("orchestrator.inventory.reading.add_page", add_once_the_next_is_asked_for)

    refreshed = await rig.refresh(Route.LIST)

    assert refreshed.inventory.summary.devices == 1_500
    assert asked("exportJobs")[0] < asked("managedDevices")[-1]


async def test_a_refresh_gives_signs_of_life_while_it_waits(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as app:
        directory, waiting = app.tenant("default").directory, asyncio.Event()

        async def wait(_: Tenant) -> Reads:
            await waiting.wait()
            raise GraphUnreachable("enough")

        refresh = asyncio.create_task(refresh_inventory(replace(app, read=wait), "default", by=SOMEBODY))
        async with asyncio.timeout(PATIENCE):
            for minutes in (5, 0):
                while not clock.sleeping:  # noqa: ASYNC110 - a clock sets no event
                    await asyncio.sleep(0)
                clock.advance(minutes=minutes)
        async with app.store.reading() as tx:
            running = await tx.inventories.receiving(directory, touched_since=clock.now() - INTERRUPTED_AFTER)
        waiting.set()
        with pytest.raises(GraphUnreachable):
            await refresh

    assert running is not None


async def test_devices_of_configmgr_alone_are_kept_where_their_report_is_not_to_be_had(rig: Rig) -> None:
    rig.graph.directory.add_fleet(20)
    [attached] = device_ids(1, seed=5)
    rig.graph.directory.add_devices([tenant_attached(attached)], in_list=False)
    await rig.refresh()
    rig.graph.reads.exports.failing = 9

    refreshed = await rig.refresh(Route.LIST)

    assert refreshed.inventory.summary.devices == 21
    assert attached in await devices_of(rig.app)
    assert "1 such device of the inventory before was kept" in refreshed.notes[0]


async def test_an_inventory_that_shrank_waits_to_be_accepted(rig: Rig) -> None:
    rig.graph.directory.add_fleet(100)
    await rig.refresh()
    for device in sorted(rig.graph.directory.devices)[:11]:
        del rig.graph.directory.devices[device]

    refreshed = await rig.refresh()
    in_force, pending = await describe_inventory(rig.app, "default")
    accepted = await accept_inventory(rig.app, "default", by=SOMEBODY, reason="retired")

    assert refreshed.inventory.is_pending
    assert (in_force.summary.devices, pending and pending.changes.gone) == (100, 11)
    assert (accepted.summary.devices, accepted.is_pending) == (89, False)
    with pytest.raises(RequestRejected, match="No inventory"):
        await accept_inventory(rig.app, "default", by=SOMEBODY, reason=None)


async def test_a_refresh_that_fails_in_the_middle_leaves_the_inventory_before(rig: Rig) -> None:
    rig.graph.directory.add_fleet(1_500)
    await rig.refresh()
    rig.graph.directory.devices.clear()
    rig.graph.directory.add_fleet(1_500, seed=2)
    before = await devices_of(rig.app)
    rig.graph.reads.faults.timeouts_at_pages = ForEver({2})
    with pytest.raises(ReadFailed, match="504"):
        await rig.refresh(Route.LIST)

    assert await devices_of(rig.app) == before


async def test_a_missing_permission_is_named(app: App) -> None:
    rig = Rig(app, roles=["Sites.Read.All"])

    with pytest.raises(PermissionMissing, match=r"DeviceManagementManagedDevices\.Read\.All.*Privileged Role"):
        await rig.refresh()


async def test_names_of_a_refresh_are_found(rig: Rig) -> None:
    rig.graph.directory.add_fleet(5)
    await rig.refresh()

    found = await search_inventory(rig.app, "default", "pc-000002", limit=5)

    assert [(device.name, device.os, device.user_principal_name) for device in found] == [
        ("PC-000002", "Windows", "user2@contoso.example")
    ]


async def test_a_download_has_a_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(3)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("big.csv", chance.randbytes(300_000))
    monkeypatch.setattr(rig.graph.reads.exports, "download", lambda *_: (200, packed.getvalue()))

    with pytest.raises(ReadFailed, match="larger") as refused:
        await rig.reads.reports.fetch("Devices", ["DeviceId"], io.BytesIO(), most=100_000)

    assert "sig=" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://blob.example/report.zip?sig=s", "https://graph.microsoft.com"),
        ("https://127.0.0.1/report.zip?sig=s", "https://graph.microsoft.com"),
        ("http://localhost:80/report.zip?sig=s", "https://graph.microsoft.com"),
        ("https://user@blob.example/report.zip?sig=s", "https://graph.microsoft.com"),
        ("file:///etc/passwd?sig=s", "http://127.0.0.1:8089"),
        ("https://[::1/?sig=s", "https://graph.microsoft.com"),
        ("", "https://graph.microsoft.com"),
    ],
)
def test_an_address_that_must_not_be_called_is_refused_and_not_quoted(url: str, root: str) -> None:
    with pytest.raises(ReadFailed) as refused:
        checked_address(url, root=root)

    assert "sig" not in str(refused.value)


async def test_an_inventory_is_refreshed_by_itself_once_it_is_due(rig: Rig) -> None:
    rig.graph.directory.add_fleet(3)
    tenant = replace(rig.app.tenant("default"), inventory_refresh=Cron("* * * * *", "UTC"))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    serving = replace(rig.app, kind="serve", tenants={"default": tenant}, started_at=long_ago)
    refresher = InventoryRefresher()

    await refresher(replace(serving, kind="run"))
    with pytest.raises(NoInventory):
        await describe_inventory(serving, "default")
    await refresher(serving)

    current, _ = await describe_inventory(serving, "default")
    assert (current.summary.devices, current.read_by) == (3, "inventory_refresh")


async def test_a_refresh_that_a_killed_process_had_begun_is_made_up_for(rig: Rig) -> None:
    rig.graph.directory.add_fleet(3)
    tenant = replace(rig.app.tenant("default"), inventory_refresh=Cron("0 0 29 2 *", "UTC"))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    serving = replace(rig.app, kind="serve", tenants={"default": tenant}, started_at=long_ago)

    async def begun(ago: timedelta) -> InventoryNumber:
        async with rig.app.store.transaction() as tx:
            at = await tx.now() - ago
            return await tx.inventories.begin(tenant.directory, "refresh", file_name=None, by="clock", now=at)

    await begun(timedelta(minutes=2))
    running = await begun(timedelta(seconds=30))
    await InventoryRefresher()(serving)
    with pytest.raises(NoInventory):
        await describe_inventory(serving, "default")
    await forget_inventory(rig.app, running)
    await InventoryRefresher()(serving)

    current, _ = await describe_inventory(serving, "default")
    assert current.summary.devices == 3
