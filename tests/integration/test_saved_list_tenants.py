"""A saved list with a column `tenant`: each of its devices is called in its own tenant, and in no other."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator.app import App
from orchestrator.domain.errors import RequestRejected, ScheduleInvalid
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.selection import EmptySelection, Selection
from orchestrator.inventory.saved_list_tenants import tenants_of_saved_list
from orchestrator.inventory.select_devices import selected
from orchestrator.usecases.schedules.run_schedule import run_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, report_of, targets_of
from tests.support.schedules import a_list, a_schedule

pytestmark = pytest.mark.enable_socket

DEVICES = device_ids(4)
"""Two of tenant `default`, the second of them by an empty cell, then two of tenant `contoso`."""


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1") as opened:
        contoso = replace(opened.tenants["default"], name="contoso", lane=LaneKey("global/other/app"), tenant_id="C-ID")
        yield replace(opened, tenants={**opened.tenants, "contoso": contoso}, usual_tenant="default")


def listed(*tenants: str) -> bytes:
    rows = [f"{device},{tenant}" for device, tenant in zip(DEVICES, tenants, strict=False)]
    return "\n".join(["managedDeviceId,Tenant", *rows]).encode()


async def chosen(app: App, tenant: str, *, beside: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """The devices of the list that a job of the tenant takes, and the sentences about those left out."""
    said: list[str] = []
    async with selected(app, tenant, Selection(list_name="fleet"), say=said.append, beside=beside) as stream:
        rows = csv.reader(io.StringIO(stream.read().decode()))
        return [row[0] for row in list(rows)[1:]], said


async def test_a_job_of_a_saved_list_takes_the_rows_of_its_tenant(app: App) -> None:
    await a_list(app, listed("default", "", "Contoso", "c-id"))

    assert await tenants_of_saved_list(app, "fleet") == ["default", "contoso"]
    left_out = ["Left out of list fleet: 2 devices of other tenants, by its column `tenant`."]
    assert await chosen(app, "default") == (DEVICES[:2], left_out)
    assert await chosen(app, "contoso", beside=("default", "contoso")) == (DEVICES[2:], [])


async def test_a_list_without_the_column_is_any_tenants(app: App) -> None:
    await a_list(app, 4)

    assert await tenants_of_saved_list(app, "fleet") is None
    assert await chosen(app, "contoso") == (DEVICES, [])


async def test_a_row_of_an_unknown_tenant_is_named_and_nothing_is_chosen(app: App) -> None:
    await a_list(app, listed("default", "fabrikam"))

    with pytest.raises(RequestRejected, match=r"List fleet, line 3: there is no tenant 'fabrikam' in the settings"):
        await chosen(app, "default")


async def test_a_tenant_without_a_row_gets_no_job(app: App) -> None:
    await a_list(app, listed("contoso"))

    with pytest.raises(EmptySelection):
        await chosen(app, "default")


async def test_a_run_of_a_schedule_calls_only_the_devices_of_its_tenant(app: App) -> None:
    await a_list(app, listed("default", "", "contoso", "contoso"))
    await a_schedule(app)

    job = await run_schedule(app, "nightly", by=SOMEBODY)

    assert [target.device for target in await targets_of(app, job)] == DEVICES[:2]
    assert (job.intake.rows, job.intake.rejected) == (4, 2)
    rows = await report_of(app, job)
    assert [row["status"] for row in rows] == ["waiting", "waiting", "rejected", "rejected"]
    assert rows[2]["errorMessage"] == "its tenant is contoso, and devices of default are asked"


async def test_a_run_without_a_device_of_its_tenant_is_refused(app: App) -> None:
    await a_list(app, listed("contoso"))
    await a_schedule(app)

    with pytest.raises(ScheduleInvalid, match="has no device of tenant default"):
        await run_schedule(app, "nightly", by=SOMEBODY)
