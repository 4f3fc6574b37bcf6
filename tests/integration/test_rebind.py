"""A job whose tenant leads to another lane than when it was submitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.errors import PermissionMissing, TenantChanged
from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.sign_in_facts import TokenView
from orchestrator.domain.tenant import Permission
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_standing import describe_standing
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.operations.check_way import check_way_to_resume
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

HERE = "http://127.0.0.1:1"
OTHER_ADDRESS = LaneKey("global@127.0.0.1:2/contoso/app")
OTHER_TENANT = LaneKey("global/fabrikam/app")


class Refusal(Exception):
    """A person said no."""


@dataclass(frozen=True)
class Signed:
    """A connection of which nothing but its token is looked at."""

    permission: Permission

    async def token_view(self) -> TokenView:
        return TokenView(self.permission, permissions=("Device.Read.All",))


def moved(app: App, lane: LaneKey, permission: Permission = Permission.GRANTED) -> App:
    """The same installation after its settings changed."""

    async def connect(_: object) -> Any:
        return Signed(permission)

    return replace(app, tenants={"default": replace(app.tenants["default"], lane=lane)}, connect=connect)


async def a_paused_job(app: App) -> Job:
    job = await submitted(app, 3)
    await pause_job(app, job.id, by=SOMEBODY)
    return job


async def test_a_job_does_not_go_on_in_silence_where_its_settings_lead_elsewhere(sqlite_url: str) -> None:
    async with an_app(sqlite_url, HERE, clock=ManualClock()) as app:
        job = await a_paused_job(app)
        for lane, way_out in ((OTHER_ADDRESS, f"muster job resume {job.id} --rebind"), (OTHER_TENANT, "cancel")):
            with pytest.raises(TenantChanged, match=way_out):
                await resume_job(moved(app, lane), job.id, by=SOMEBODY)
        with pytest.raises(TenantChanged, match="put the tenant back"):
            await retry_job(moved(app, OTHER_TENANT), job.id, by=SOMEBODY)
        stands = await describe_job(app, job.id)

    assert stands.status is JobStatus.PAUSED


async def test_a_process_that_was_killed_a_moment_ago_does_not_hide_that_the_settings_lead_elsewhere(
    sqlite_url: str,
) -> None:
    async with an_app(sqlite_url, HERE, clock=ManualClock()) as app:
        job = await submitted(app, 3)
        async with app.store.transaction() as tx:
            now = await tx.now()
            await tx.workers.beat(WorkerSeen(WorkerId("killed@here"), "run", job.number, "1", now, now))
        with pytest.raises(TenantChanged, match="--rebind"):
            await check_way_to_resume(moved(app, OTHER_ADDRESS), job.id, by=SOMEBODY, rebind=False)


async def test_what_waits_moves_to_the_present_lane_of_the_same_tenant_and_the_audit_log_says_so(
    sqlite_url: str,
) -> None:
    async with an_app(sqlite_url, HERE, clock=ManualClock()) as app:
        job = await a_paused_job(app)
        view = await resume_job(moved(app, OTHER_ADDRESS), job.id, by=SOMEBODY, rebind=True, reason="new address")
        audit_entries = (await describe_standing(app, job.id)).entries

    assert (view.status, view.job.lane) == (JobStatus.RUNNING, OTHER_ADDRESS)
    (rebound,) = [audit_entry for audit_entry in audit_entries if audit_entry.what == "job.rebound"]
    assert (rebound.reason, rebound.facts) == ("new address", {"from": job.lane, "to": OTHER_ADDRESS})


@pytest.mark.parametrize("is_paused", [True, False], ids=["paused", "running"])
async def test_a_person_who_does_not_agree_has_moved_nothing(sqlite_url: str, *, is_paused: bool) -> None:
    asked: list[int] = []

    def refuse(_: Action, count: int) -> None:
        asked.append(count)
        raise Refusal

    async with an_app(sqlite_url, HERE, clock=ManualClock()) as app:
        job = await (a_paused_job(app) if is_paused else submitted(app, 3))
        before = await describe_job(app, job.id)
        with pytest.raises(Refusal):
            await resume_job(moved(app, OTHER_ADDRESS), job.id, by=SOMEBODY, rebind=True, confirm=refuse)
        standing = await describe_standing(app, job.id)
        after, audit_entries = standing.view, standing.entries

    assert asked == [3]
    assert (after.status, after.job.lane) == (before.status, job.lane)
    assert not {"job.rebound", "job.resumed"} & {audit_entry.what for audit_entry in audit_entries}


@pytest.mark.parametrize(
    ("lane", "permission", "refusal"),
    [(OTHER_TENANT, Permission.GRANTED, TenantChanged), (OTHER_ADDRESS, Permission.MISSING, PermissionMissing)],
)
async def test_nothing_moves_to_another_tenant_or_where_the_permission_is_missing(
    sqlite_url: str, lane: LaneKey, permission: Permission, refusal: type[Exception]
) -> None:
    async with an_app(sqlite_url, HERE, clock=ManualClock()) as app:
        job = await a_paused_job(app)
        with pytest.raises(refusal):
            await resume_job(moved(app, lane, permission), job.id, by=SOMEBODY, rebind=True)
        stands = await describe_job(app, job.id)

    assert (stands.status, stands.job.lane) == (JobStatus.PAUSED, job.lane)
