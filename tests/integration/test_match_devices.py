"""Jobs from lists of names and from selections, on both databases: no wrong device is ever called."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.conditions import parse_condition
from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed, RequestRejected
from orchestrator.domain.inventory import LEFT_OUT, Identifier, InventoryTooOld
from orchestrator.domain.job import Job
from orchestrator.domain.selection import Selection
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.inventory.device_history import AmbiguousDevice, UnknownDevice
from orchestrator.inventory.select_devices import selected
from orchestrator.usecases.jobs.submit_job import JobRequest, preview_job, submit_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, report_of, targets_of

pytestmark = pytest.mark.enable_socket

IDS = device_ids(6)
ENTRA = device_ids(1, seed=5)[0]
STRANGER = device_ids(1, seed=9)[0]
EXPORT = "\n".join(
    [
        "Device ID,Device name,Serial number,Managed by,OS,Last check-in,Azure AD Device ID",
        f"{IDS[0]},BER-1,S1,Co-managed,Windows,2026-11-01 08:00:00,{ENTRA}",
        f"{IDS[1]},BER-2,S2,Co-managed,Windows,2026-11-02 08:00:00,",
        f"{IDS[2]},ber-2,Default string,ConfigMgr,Windows,2026-11-20 08:00:00,",
        f"{IDS[3]},PHONE,S4,Intune,iOS,2026-11-20 08:00:00,",
        f"{IDS[4]},OSL-1,Default string,Co-managed,Windows,,",
    ]
)
REQUEST = JobRequest(action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        source = InventorySource(io.BytesIO(EXPORT.encode()), "devices.csv")
        await import_inventory(opened, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
        yield opened


async def submitted(app: App, text: str, options: IntakeOptions | None = None) -> Job:
    stream = io.BytesIO(text.encode())
    return await submit_job(app, REQUEST, stream, file_name="names.csv", options=options or IntakeOptions())


async def submitted_selection(app: App, selection: Selection) -> Job:
    async with selected(app, "default", selection) as stream:
        options = IntakeOptions(is_selection=True)
        return await submit_job(app, REQUEST, stream, file_name=selection.label, options=options)


async def called(app: App, job: Job) -> list[str]:
    return [target.device for target in await targets_of(app, job)]


async def test_names_become_the_devices_that_have_them_and_the_report_says_how(app: App) -> None:
    job = await submitted(app, "Device name,Owner\nber-1 ,a\nOSL-1,b\n")

    assert await called(app, job) == [IDS[0], IDS[4]]
    rows = await report_of(app, job)
    assert [(row["deviceName"], row["matchedBy"], row["Owner"]) for row in rows] == [
        ("ber-1", "name", "a"),
        ("OSL-1", "name", "b"),
    ]


async def test_every_row_without_one_device_is_named_with_its_reason(app: App) -> None:
    text = "Device name\nBER-1\nNONE\nBER-2\nPHONE\n"

    with pytest.raises(IntakeFailed) as refused:
        await submitted(app, text)

    reasons = {problem.line: problem.reason for problem in refused.value.problems}
    assert reasons[3].startswith("unknown: no device of this name in the inventory, which is ")
    assert reasons[4].startswith("ambiguous: 2 devices have this name: ")
    assert IDS[1] in reasons[4]
    assert IDS[2] in reasons[4]
    assert reasons[5] == "not eligible: PHONE runs iOS: only Windows takes ConfigMgr actions"
    job = await submitted(app, text, IntakeOptions(skip_invalid=True))
    assert await called(app, job) == [IDS[0]]


async def test_a_row_whose_cells_are_of_different_devices_is_called_for_none_of_them(app: App) -> None:
    text = "Serial number,Device name\nS1,BER-1\nS1,BER-2\nS2,BER-2\n,NONE\nS1,renamed\nS1,PHONE\n"

    with pytest.raises(IntakeFailed) as refused:
        await submitted(app, text)
    chosen = IntakeOptions(choices={3: IDS[1], 5: LEFT_OUT})
    job = await submitted(app, text.replace("S1,BER-1\n", "S1,\n"), chosen)
    by_serial = await submitted(app, text.replace(",NONE\n", "S2,NONE\n"), IntakeOptions(match=Identifier.SERIAL))

    reasons = {problem.line: problem for problem in refused.value.problems}
    assert [*reasons] == [3, 5]
    assert reasons[3].reason.startswith("ambiguous: its serial number and its name are of different devices: ")
    assert [device.id for device in reasons[3].candidates] == [IDS[0], *sorted(IDS[1:3])]
    assert await called(app, job) == [IDS[0], IDS[1]]
    assert await called(app, by_serial) == [IDS[0], IDS[1]]


async def test_the_newest_of_a_name_is_taken_only_when_asked_for_and_the_report_says_so(app: App) -> None:
    job = await submitted(app, "Device name\nBER-2\n", IntakeOptions(prefer_newest=True))

    [row] = await report_of(app, job)
    assert (row["managedDeviceId"], row["matchedBy"]) == (IDS[2], "name+newest")


async def test_a_placeholder_serial_number_matches_nothing(app: App) -> None:
    with pytest.raises(IntakeFailed) as refused:
        await submitted(app, "Serial number\nDefault string\nS1\n")

    assert [problem.reason for problem in refused.value.problems] == [
        "unknown: its serial number is a placeholder that many devices share"
    ]


async def test_ids_without_a_sign_are_taken_where_the_inventory_knows_them_all(app: App) -> None:
    entra_list = f'"DeletedDateTime","Id"\n"","{ENTRA}"\n'

    known = await submitted(app, f"Id,Owner\n{IDS[0]},a\n{IDS[3]},b\n")
    matched = await submitted(app, entra_list)

    assert await called(app, known) == [IDS[0], IDS[3]]
    assert await called(app, matched) == [IDS[0]]
    assert [row["matchedBy"] for row in await report_of(app, matched)] == ["entra"]
    with pytest.raises(IntakeFailed, match="does not know all of them"):
        await submitted(app, f"Id,Owner\n{IDS[0]},a\n{IDS[5]},b\n")


async def test_an_old_inventory_matches_nothing_unless_told_to(app: App) -> None:
    old = replace(app, inventory_max_age=timedelta(microseconds=1))

    with pytest.raises(InventoryTooOld):
        await submitted(old, "Device name\nBER-1\n")
    preview = await preview_job(
        old,
        REQUEST,
        io.BytesIO(b"Device name\nBER-1\n"),
        file_name=None,
        options=IntakeOptions(stale_ok=True),
    )

    assert (preview.report.good, preview.report.matched) == (1, {"name": 1})


async def test_a_device_is_not_chosen_by_its_name_from_an_old_inventory(app: App) -> None:
    old = replace(app, inventory_max_age=timedelta(microseconds=1))

    for named in (Selection(devices=("BER-1",)), Selection(devices=(IDS[0], "S1")), Selection(devices=("NONE",))):
        with pytest.raises(InventoryTooOld):
            await submitted_selection(old, named)
    by_id = await submitted_selection(old, Selection(devices=(IDS[0],)))
    told = await submitted_selection(old, Selection(devices=("BER-1",), is_stale_ok=True))

    assert [await called(app, job) for job in (by_id, told)] == [[IDS[0]], [IDS[0]]]


async def test_a_condition_selects_eligible_devices_of_the_inventory(app: App) -> None:
    job = await submitted_selection(app, Selection(conditions=(parse_condition("name=BER-*"),)))

    assert sorted(await called(app, job)) == sorted(IDS[:3])
    assert {row["matchedBy"] for row in await report_of(app, job)} == {"where"}
    with pytest.raises(RequestRejected, match="has no device"):
        await submitted_selection(app, Selection(conditions=(parse_condition("name=PHONE"),)))


async def test_a_device_is_chosen_by_the_first_kind_of_identifier_that_fits(app: App) -> None:
    job = await submitted_selection(app, Selection(devices=("S1", "osl-1")))

    assert [(row["managedDeviceId"], row["deviceName"], row["matchedBy"]) for row in await report_of(app, job)] == [
        (IDS[0], "BER-1", "serial"),
        (IDS[4], "OSL-1", "name"),
    ]
    for wanted, error in (("BER-2", AmbiguousDevice), ("NONE", UnknownDevice), ("PHONE", RequestRejected)):
        with pytest.raises(error):
            await submitted_selection(app, Selection(devices=(wanted,)))


async def test_a_managed_device_id_is_called_as_in_a_list_where_no_inventory_knows_it(app: App) -> None:
    said: list[str] = []
    async with selected(app, "default", Selection(devices=(STRANGER.upper(),)), say=said.append) as stream:
        options = IntakeOptions(is_selection=True)
        preview = await preview_job(app, REQUEST, stream, file_name="selection", options=options)
    job = await submitted_selection(app, Selection(devices=(STRANGER.upper(), IDS[0])))

    assert await called(app, job) == [STRANGER, IDS[0]]
    assert (preview.unknown, len(said), STRANGER in said[0]) == (1, 1, True)
    with pytest.raises(UnknownDevice):
        await submitted_selection(app, Selection(devices=(STRANGER,), match=Identifier.ENTRA))


async def test_a_list_of_ids_shows_the_names_that_the_inventory_knows(app: App) -> None:
    job = await submitted(app, f"Device ID\n{IDS[0]}\n{IDS[5]}\n")

    assert [(row["deviceName"], row["matchedBy"]) for row in await report_of(app, job)] == [("BER-1", "id"), ("", "id")]


async def test_a_dry_run_counts_the_ids_that_the_inventory_does_not_know_and_names_candidates(app: App) -> None:
    ids = io.BytesIO(f"managedDeviceId\n{IDS[0]}\n{STRANGER}\n".encode())
    names = io.BytesIO(b"Device name\nBER-2\n")

    by_id = await preview_job(app, REQUEST, ids, file_name="ids.csv", options=IntakeOptions())
    by_name = await preview_job(app, REQUEST, names, file_name="names.csv", options=IntakeOptions())

    assert (by_id.report.good, by_id.unknown, by_name.unknown) == (2, 1, None)
    (problem,) = by_name.report.problems
    assert (problem.cells, {device.id for device in problem.candidates}) == (("BER-2",), set(IDS[1:3]))
