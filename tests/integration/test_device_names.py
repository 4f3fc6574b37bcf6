"""Names wherever a job shows its devices: from its list, else from the inventory; on both databases."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Job
from orchestrator.domain.notice_words import notice_of_job
from orchestrator.domain.target import TargetFilter, TargetStatus
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.store.engine.errors_text import pack_errors
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.list_targets import list_targets
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, report_of, targets_of
from tests.support.statements import statements_of

pytestmark = pytest.mark.enable_socket

IDS = device_ids(4)
EXPORT = "\n".join(
    [
        "Device ID,Device name,Managed by,OS,Primary user UPN",
        *(f"{IDS[place]},INV-{place},Co-managed,Windows,user{place}@contoso.example" for place in range(3)),
    ]
)
REQUEST = JobRequest(action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        source = InventorySource(io.BytesIO(EXPORT.encode()), "devices.csv")
        await import_inventory(opened, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
        yield opened


async def submitted(app: App, rows: list[str]) -> Job:
    stream = io.BytesIO("\n".join(rows).encode())
    return await submit_job(app, REQUEST, stream, file_name="list.csv", options=IntakeOptions())


async def fail_all(app: App) -> None:
    """Let every target have failed, and every job be finished."""
    group = ErrorGroup(TargetStatus.FAILED, 500, "ServiceError")
    async with app.store.transaction() as tx:
        failed = {"status": "failed", "error_code": group.code, "http_status": 500, "attempts": 6}
        await tx.connection.execute(update(TargetRow).values(failed))
        counted = {"failed": BatchRow.waiting, "waiting": 0, "errors": pack_errors({group: ErrorCount(4)})}
        await tx.connection.execute(update(BatchRow).values(counted))
        await tx.connection.execute(update(JobRow).values(status="finished"))


async def named(app: App, job: Job, search: str | None = None) -> list[str | None]:
    return [target.name for target in await list_targets(app, job.id, TargetFilter(search=search), limit=100)]


async def test_a_target_has_the_name_of_its_list_else_of_the_inventory_in_two_statements_more(app: App) -> None:
    job = await submitted(
        app, ["managedDeviceId,Device name", f"{IDS[0]},LIST-0", f"{IDS[1]},", f"{IDS[2]},  ", f"{IDS[3]},"]
    )

    with statements_of(app.store) as statements:
        names = await named(app, job)

    assert names == ["LIST-0", "INV-1", "INV-2", None]
    assert len(statements) <= 8


@pytest.mark.parametrize(
    ("searched", "found"),
    [("list-", ["LIST-0"]), ("inv-1", ["INV-1"]), ("USER2@", ["INV-2"]), (IDS[3][:13], [None]), ("%", [])],
)
async def test_a_job_is_searched_by_name_user_and_id(app: App, searched: str, found: list[str | None]) -> None:
    job = await submitted(
        app, ["managedDeviceId,Device name", f"{IDS[0]},LIST-0", *(f"{IDS[place]}," for place in (1, 2, 3))]
    )

    assert await named(app, job, searched) == found


async def test_a_retry_takes_the_devices_that_the_same_search_shows_and_keeps_their_names(app: App) -> None:
    job = await submitted(app, ["Device name", "INV-0", "INV-1", "INV-2"])
    await fail_all(app)

    again = await retry_job(app, job.id, search="user1@", by=SOMEBODY)

    assert [target.device for target in await targets_of(app, again)] == [IDS[1]]
    assert [(row["deviceName"], row["matchedBy"]) for row in await report_of(app, again)] == [("INV-1", "name")]


async def test_an_error_and_a_notification_name_devices(app: App) -> None:
    job = await submitted(app, ["managedDeviceId", *IDS])
    await fail_all(app)

    view = await describe_job(app, job.id)
    found = await list_targets(app, job.id, limit=2)
    notice = notice_of_job(view.job, view.tally, {}, key="", link=None, devices=found)

    assert [(error.example_device, error.example_device_name) for error in view.errors] == [(IDS[0], "INV-0")]
    assert "Devices: INV-0, INV-1 …" in notice.lines
    assert notice.facts["devices"][1] == {
        "id": IDS[1],
        "name": "INV-1",
        "status": TargetStatus.FAILED.value,
        "code": "ServiceError",
    }
