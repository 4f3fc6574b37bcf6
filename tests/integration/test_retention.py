"""What grows is bounded: a clock removes what is older than the installation wants to keep."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import RequestRejected, UnknownJob
from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.lane import Cloud, LaneCalls
from orchestrator.domain.tenant import Tenant
from orchestrator.domain.waiting import LaneWait, WaitKind
from orchestrator.engine.recovery import recover_stalled
from orchestrator.inventory.contents import InventorySource, describe_inventory, import_inventory
from orchestrator.store.rows.inventory import InventoryRow
from orchestrator.store.rows.jobs import JobRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.operations.keep_time import ticking
from orchestrator.usecases.operations.prune import prune, prune_audit
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids
from tests.support.builders import LANE, StoreWorker, a_job
from tests.support.clock import ManualClock
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

KILLED, AT_WORK = WorkerId("killed"), WorkerId("at work")
AWAY = LaneWait(WaitKind.GRAPH_UNREACHABLE, "no connection could be made", None)


async def test_audit_entries_go_only_on_request_and_leave_an_entry(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usecases.operations.prune._AUDIT_PIECE", 2)
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as app:
        async with app.store.transaction() as tx:
            now = await tx.now()
            for days in (400, 399, 398, 2, 1):
                await tx.audit.write(SOMEBODY, "list.imported", str(days), now=now - timedelta(days=days))
        before = now - timedelta(days=30)
        with pytest.raises(RequestRejected, match="3 lines"):
            await prune_audit(app, before=before, by=SOMEBODY, reason=None, agreed=False)
        with pytest.raises(RequestRejected, match="in the past"):
            await prune_audit(app, before=now + timedelta(days=1), by=SOMEBODY, reason=None, agreed=True)
        removed = await prune_audit(app, before=before, by=SOMEBODY, reason="CHG-1", agreed=True)
        async with app.store.reading() as tx:
            left = await tx.audit.newest(10)

    assert removed == 3
    assert [(each.what, each.subject) for each in left[1:]] == [("list.imported", "1"), ("list.imported", "2")]
    assert (left[0].what, left[0].reason, left[0].facts["entries"]) == ("audit.pruned", "CHG-1", 3)


async def test_a_clock_removes_what_ended_too_long_ago_and_nothing_else(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as app:
        old, recent, running = [await a_job(app.store, 3) for _ in range(3)]
        async with app.store.transaction() as tx:
            now = await tx.now()
            for job, days in ((old, 31), (recent, 29)):
                ended = now - timedelta(days=days)
                await tx.jobs.move(job.number, JobStatus.CANCELLED, if_in=[JobStatus.QUEUED], reason=None, now=ended)
            for days in (9, 1):
                await tx.lanes.count_calls({LANE: LaneCalls(7, 1, 2)}, now=now - timedelta(days=days))
            # Of a worker that was killed: it never takes its reports back.
            for worker, hours in ((KILLED, 25), (AT_WORK, 0)):
                await tx.lane_waits.report(worker, {LANE: AWAY}, now=now - timedelta(hours=hours))

        async with asyncio.timeout(PATIENCE), ticking(replace(app, keep_days=30)):
            while await _is_there(app, old):  # noqa: ASYNC110 - the clock's hand sets no event
                await asyncio.sleep(0.05)

        for job in (recent, running):
            await describe_job(app, job.id)
        async with app.store.reading() as tx:
            calls = await tx.lanes.calls_since(now - timedelta(days=30))
            reports = await tx.lane_waits.reported_since(now - timedelta(days=30), [LANE])
    assert calls == {LANE: LaneCalls(7, 1, 2)}
    assert [*reports[LANE]] == [AT_WORK]


async def test_a_stopped_job_is_kept_until_another_has_taken_over_what_it_left(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        stopped, recent, old, older_version = [await a_job(app.store, 3) for _ in range(4)]
        async with app.store.transaction() as tx:
            now = await tx.now()
            long_ago, lately = now - timedelta(days=31), now - timedelta(days=29)
            for job in (stopped, recent, old, older_version):
                await tx.jobs.move(job.number, JobStatus.STOPPED, if_in=[JobStatus.QUEUED], reason=None, now=long_ago)
            for job, at in ((recent, lately), (old, long_ago), (older_version, long_ago)):
                assert await tx.job_ends.carry_over(job.id, to=recent.id, reason="carried over", now=at)
            did_not_say_when = update(JobRow).where(JobRow.number == older_version.number)
            await tx.connection.execute(did_not_say_when.values(finished_at=None))

        removed = await prune(app, keep_days=30, by=Actor("tests", "tests"))

        kept = [await _is_there(app, job) for job in (stopped, recent, old, older_version)]
    assert removed == 2
    assert kept == [True, True, False, False]


async def test_a_large_job_is_removed_in_pieces_and_an_interrupted_removal_is_gone_on_with(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.jobs.reception._LINES", 10)
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        other = await a_job(app.store, 30, size=10)
        job = await a_job(app.store, 95, size=10)
        async with app.store.transaction() as tx:
            now = await tx.now()
            await tx.jobs.move(job.number, JobStatus.CANCELLED, if_in=[JobStatus.QUEUED], reason=None, now=now)
        async with app.store.transaction() as tx:
            hidden = await tx.reception.hide_oldest(before=now + timedelta(seconds=1))
            assert hidden == (job.number, job.id)
            assert not await tx.reception.forget(job.number)
        assert not await _is_there(app, job)
        assert 0 < await _targets_of(app, job) < 95

        sweeps = 0
        while await _targets_of(app, job) and sweeps < 20:
            async with app.store.transaction() as tx:
                await tx.connection.execute(
                    update(JobRow).where(JobRow.number == job.number).values(touched_at=now - timedelta(days=1))
                )
            await recover_stalled(app)
            sweeps += 1

        assert 5 < sweeps < 15
        assert await _targets_of(app, other) == 30


async def test_the_clock_tells_of_what_it_removed_once(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1") as app:
        for _ in range(3):
            job = await a_job(app.store, 3)
            async with app.store.transaction() as tx:
                long_ago = await tx.now() - timedelta(days=31)
                await tx.jobs.move(job.number, JobStatus.CANCELLED, if_in=[JobStatus.QUEUED], reason=None, now=long_ago)

        removed = await prune(app, keep_days=30, by=Actor("retention", "clock"))
        again = await prune(app, keep_days=30, by=Actor("retention", "clock"))
        async with app.store.reading() as tx:
            audit_entries = await tx.audit.newest(10, what="job.pruned")

    assert (removed, again) == (3, 0)
    assert [audit_entry.facts for audit_entry in audit_entries] == [{"jobs": 3, "keepDays": 30}]


async def test_an_inventory_that_no_settings_lead_to_goes_after_a_month_and_no_other(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        elsewhere = Tenant("elsewhere", Cloud.GLOBAL, "http://127.0.0.1:1", LaneKey("global/other/app"), None)
        other = replace(app, tenants={"elsewhere": elsewhere})
        for each, name in ((app, "default"), (other, "elsewhere")):
            source = InventorySource(io.BytesIO(f"Device ID,Device name\n{device_ids(1)[0]},PC-1".encode()), None)
            await import_inventory(each, name, [source], by=SOMEBODY, reason=None, max_bytes=1_000)
        retention = Actor("retention", "clock")

        kept = []
        for days in (29, 31):
            # Both processes prune every hour; the other one's settings lost their tenant so many days ago.
            async with app.store.transaction() as tx:
                ago = await tx.now() - timedelta(days=days)
                await tx.connection.execute(update(InventoryRow).values(touched_at=ago))
            await prune(app, keep_days=30, by=retention)
            async with app.store.reading() as tx:
                kept.append([each.tenant for each in await tx.inventories.all_current()])
        async with app.store.reading() as tx:
            [entry] = await tx.audit.newest(10, what="inventory.removed")

    assert kept == [["global/contoso", "global/other"], ["global/contoso"]]
    assert (entry.who, entry.subject, entry.facts["devices"]) == ("retention", "global/other", 1)


async def test_an_inventory_that_other_settings_lead_to_stays(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as app:
        source = InventorySource(io.BytesIO(f"Device ID,Device name\n{device_ids(1)[0]},PC-1".encode()), None)
        await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000)
        clock.advance(days=40)
        retention = Actor("retention", "clock")

        for each in (app, replace(app, tenants={})):
            await prune(each, keep_days=30, by=retention)
        current, _ = await describe_inventory(app, "default")

    assert current.summary.devices == 1


async def test_a_cancelled_job_is_looked_at_until_nothing_of_it_is_held_and_never_again(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        job = await a_job(app.store, 20, now=app.clock.now())
        worker = StoreWorker(app.store)
        held = await worker.hold(job.number, now=app.clock.now())
        assert held is not None
        await cancel_job(app, job.id, by=SOMEBODY)
        await recover_stalled(app)
        async with app.store.reading() as tx:
            while_held = await tx.job_ends.being_cancelled(limit=10)
        async with app.store.transaction() as tx:
            await tx.recovery.hand_back(now=await tx.now() + timedelta(hours=1), limit=10)
        await recover_stalled(app)
        async with app.store.reading() as tx:
            afterwards = await tx.job_ends.being_cancelled(limit=10)
            tally = (await tx.jobs.tallies([job.number]))[job.number]

    assert while_held == [job.number]
    assert afterwards == []
    assert (tally.waiting, tally.cancelled) == (0, 20)


async def _targets_of(app: App, job: Job) -> int:
    async with app.store.reading() as tx:
        counted = select(func.count()).select_from(TargetRow).where(TargetRow.job_number == job.number)
        return int((await tx.connection.execute(counted)).scalar_one())


async def _is_there(app: App, job: Job) -> bool:
    try:
        await describe_job(app, job.id)
    except UnknownJob:
        return False
    return True
