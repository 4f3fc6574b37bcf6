"""The inventory and a device's history, on both databases."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.errors import IntakeFailed, NotPermitted, RequestRejected
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.inventory import Identifier, NoInventory
from orchestrator.domain.inventory_changes import MOST_NAMED, ChangedDevice
from orchestrator.domain.lane import Cloud
from orchestrator.domain.tenant import Tenant
from orchestrator.inventory.contents import (
    ImportedInventory,
    InventorySource,
    describe_inventory,
    import_inventory,
    search_inventory,
)
from orchestrator.inventory.device_history import (
    AmbiguousDevice,
    UnknownDevice,
    describe_devices,
    extend_lookup,
)
from orchestrator.inventory.remove_inventory import find_inventory, remove_inventory, unattached_inventories
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, submitted
from tests.support.statements import plan_of, statements_of

pytestmark = pytest.mark.enable_socket

HEADER = "Device ID,Device name,Serial number,Managed by,OS,Last check-in"


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


async def imported(app: App, *files: str, by: Actor = SOMEBODY) -> ImportedInventory:
    sources = [InventorySource(io.BytesIO(file.encode()), "devices.csv") for file in files]
    return await import_inventory(app, "default", sources, by=by, reason=None, max_bytes=1_000_000)


def an_export(ids: list[str], *, managed_by: str = "Co-managed", named: str = "PC") -> str:
    rows = [f"{each},{named}-{place},S{place:06},{managed_by},Windows," for place, each in enumerate(ids)]
    return "\n".join([HEADER, *rows])


def a_list(ids: list[str]) -> bytes:
    return "\n".join(["Device ID", *ids]).encode()


async def test_a_renamed_device_is_named_as_it_was_and_as_it_is(app: App) -> None:
    ids = device_ids(3)
    await imported(app, an_export(ids))

    await imported(app, an_export(ids).replace("PC-1,", "BER-1,"))

    current, _ = await describe_inventory(app, "default")
    assert (current.changes.renamed, current.changes.renamed_devices) == (1, (ChangedDevice(ids[1], "BER-1", "PC-1"),))
    assert current.changes.renamed_devices[0].label == "PC-1 is now BER-1"


async def test_the_inventory_of_a_tenant_that_left_the_settings_is_found_by_its_id_and_removed(app: App) -> None:
    await imported(app, an_export(device_ids(3)))
    renamed = Tenant("another", Cloud.GLOBAL, "http://127.0.0.1:1", LaneKey("global/other/app"), None)
    after = replace(app, tenants={"another": renamed})

    [left] = await unattached_inventories(after)
    with pytest.raises(NotPermitted):
        await remove_inventory(after, "contoso", by=Actor("olga", "here", Grant(Role.OPERATOR)), reason=None)
    with pytest.raises(RequestRejected, match="global/contoso"):
        await find_inventory(after, "fabrikam")
    removed = await remove_inventory(after, "CONTOSO", by=SOMEBODY, reason="it left")

    assert (left.tenant, removed.summary.devices, await unattached_inventories(after)) == ("global/contoso", 3, [])
    async with app.store.reading() as tx:
        stored = (await tx.connection.execute(text("SELECT count(*) FROM inventory_devices"))).scalar_one()
        [entry] = await tx.audit.newest(1)
    assert (stored, entry.what, entry.subject, entry.reason) == (0, "inventory.removed", "global/contoso", "it left")


async def test_an_import_replaces_the_inventory_and_says_what_changed(app: App) -> None:
    ids = device_ids(1000)
    await imported(app, an_export(ids))

    second = await imported(app, an_export([*ids[:990], *device_ids(5, seed=9)], managed_by="Intune"))

    changes = second.inventory.changes
    assert [(words, count, len(devices)) for words, count, devices in changes.kinds] == [
        ("new", 5, 5),
        ("gone", 10, 10),
        ("no longer co-managed", 990, MOST_NAMED),
    ]
    assert {device.id for device in changes.gone_devices} == {*ids[990:]}
    assert (changes.gone_devices[0].label, changes.no_longer_eligible_devices[0].label) == ("PC-990", "PC-0")
    current, pending = await describe_inventory(app, "default")
    assert (current.summary.devices, current.summary.eligible, pending) == (995, 0, None)
    async with app.store.reading() as tx:
        stored = (await tx.connection.execute(text("SELECT count(*) FROM inventory_devices"))).scalar_one()
    assert stored == 995


async def test_a_bad_file_leaves_the_inventory_before_in_force(app: App) -> None:
    await imported(app, an_export(device_ids(3)))

    with pytest.raises(IntakeFailed):
        await imported(app, an_export(device_ids(2, seed=9)), "no,header\n")

    current, _ = await describe_inventory(app, "default")
    assert current.summary.devices == 3


async def test_exports_are_joined_by_device_id(app: App) -> None:
    first, second = device_ids(2)
    serials = f"DeviceId,DeviceName,SerialNumber,ManagementAgents\n{first},,SER-1,8\n{second},PC-2,SER-2,8\n"

    await imported(app, f"Device ID,Device name,Managed by\n{first},PC-1,MDM\n", serials)

    found = await search_inventory(app, "default", "ser-1", limit=5)
    every = await search_inventory(app, "default", None, limit=5)
    assert [device.name for device in every] == ["PC-1", "PC-2"]
    assert [(device.name, device.serial_number, device.is_eligible) for device in found] == [("PC-1", "SER-1", True)]


async def test_devices_are_found_by_key_in_one_statement(app: App) -> None:
    ids = device_ids(4)
    await imported(app, an_export(ids[:3]) + f"\n{ids[3]},pc-0,S9,Co-managed,Windows,")
    current, _ = await describe_inventory(app, "default")

    async with app.store.reading() as tx:
        found = await tx.inventory_devices.matching(current.number, Identifier.NAME, ["pc-0", "pc-2", "pc-9"])

    assert {key: [device.id for device in devices] for key, devices in found.items()} == {
        "pc-0": sorted([ids[0], ids[3]]),
        "pc-2": [ids[2]],
    }


@pytest.mark.parametrize("is_listed", [False, True])
async def test_a_device_tells_what_was_asked_of_it_in_every_job(app: App, *, is_listed: bool) -> None:
    ids = device_ids(3)
    await imported(app, an_export(ids))
    jobs = [await submitted(app, a_list(ids)), await submitted(app, a_list(ids[1:]))]
    for _ in range(6 if is_listed else 0):
        await extend_lookup(app)

    [story] = await describe_devices(app, "default", " pc-1", allow_several=False)
    [other] = await describe_devices(app, "default", "S000000", allow_several=False)

    assert (story.device.id, [call.job for call in story.calls]) == (ids[1], [jobs[1].id, jobs[0].id])
    assert (other.device.id, [call.job for call in other.calls]) == (ids[0], [jobs[0].id])


async def test_a_device_without_inventory_is_known_by_its_jobs(app: App) -> None:
    [device, stranger] = device_ids(2)
    job = await submitted(app, a_list([device]))

    [story] = await describe_devices(app, "default", device.upper(), allow_several=False)

    assert (story.inventory_at, [call.job for call in story.calls]) == (None, [job.id])
    with pytest.raises(UnknownDevice):
        await describe_devices(app, "default", stranger, allow_several=False)
    with pytest.raises(NoInventory):
        await describe_inventory(app, "default")


async def test_a_name_of_several_devices_is_ambiguous(app: App) -> None:
    first, second = device_ids(2)
    await imported(app, f"{HEADER}\n{first},PC-1,A,Co-managed,Windows,\n{second},PC-1,B,Co-managed,Windows,\n")

    with pytest.raises(AmbiguousDevice) as refused:
        await describe_devices(app, "default", "PC-1", allow_several=False)

    assert {device.id for device in refused.value.candidates} == {first, second}
    assert len(await describe_devices(app, "default", "PC-1", allow_several=True)) == 2


@pytest.mark.parametrize(
    "grant", [Grant(Role.OPERATOR, ceiling=2), Grant(Role.OPERATOR, tenants=frozenset({"elsewhere"}))]
)
async def test_an_operator_with_limits_replaces_no_inventory_beyond_them(app: App, grant: Grant) -> None:
    ids = device_ids(3)
    await imported(app, an_export(ids))

    with pytest.raises(NotPermitted):
        await imported(app, an_export(ids[:1]), by=Actor("poor", "tests", grant))
    current, _ = await describe_inventory(app, "default")

    assert current.summary.devices == 3


@pytest.mark.parametrize("is_listed", [True, False])
async def test_a_devices_history_reads_no_targets_of_other_jobs(app: App, *, is_listed: bool) -> None:
    await submitted(app, 3)
    for _ in range(4 if is_listed else 0):
        await extend_lookup(app)

    with statements_of(app.store) as seen:
        await describe_devices(app, "default", device_ids(3)[0], allow_several=False)

    async with app.store.reading() as tx:
        if tx.connection.dialect.name == "postgresql":
            # With so few rows it would read the whole table whatever the statement says.
            await tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans = [await plan_of(tx.connection, each) for each in seen if "FROM targets" in each.text]
    assert len(plans) == (1 if is_listed else 2)
    assert not any("SCAN targets" in plan or "Seq Scan on targets" in plan for plan in plans)
