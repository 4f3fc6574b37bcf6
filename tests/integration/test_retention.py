"""What grows is bounded: a clock removes what is older than the installation wants to keep."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from orchestrator.domain.access import Asker
from orchestrator.domain.errors import UnknownJob
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.lane import LaneCalls
from orchestrator.store.rows import JobRow
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_jobs import describe_job
from orchestrator.usecases.keep_time import ticking
from orchestrator.usecases.prune import prune
from tests.support.apps import an_app
from tests.support.builders import LANE, a_job
from tests.support.clock import ManualClock
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket


async def test_a_clock_removes_what_ended_too_long_ago_and_nothing_else(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as app:
        old, recent, running = [await a_job(app.store, 3) for _ in range(3)]
        async with app.store.transaction() as tx:
            now = await tx.now()
            for job, days in ((old, 31), (recent, 29)):
                ended = now - timedelta(days=days)
                await tx.jobs.move(job.number, JobStatus.CANCELLED, frm=[JobStatus.QUEUED], reason=None, now=ended)
            for days in (9, 1):
                await tx.lanes.count_calls({LANE: LaneCalls(7, 1, 2)}, now=now - timedelta(days=days))

        async with asyncio.timeout(PATIENCE), ticking(replace(app, keep_days=30)):
            while await _is_there(app, old):  # noqa: ASYNC110 - the clock's hand sets no event
                await asyncio.sleep(0.05)

        for job in (recent, running):
            await describe_job(app, job.id)
        async with app.store.reading() as tx:
            calls = await tx.lanes.calls_since(now - timedelta(days=30))
    assert calls == {LANE: LaneCalls(7, 1, 2)}


async def test_a_stopped_job_is_kept_until_another_has_taken_over_what_it_left(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        stopped, recent, old, older_version = [await a_job(app.store, 3) for _ in range(4)]
        async with app.store.transaction() as tx:
            now = await tx.now()
            long_ago, lately = now - timedelta(days=31), now - timedelta(days=29)
            for job in (stopped, recent, old, older_version):
                await tx.jobs.move(job.number, JobStatus.STOPPED, frm=[JobStatus.QUEUED], reason=None, now=long_ago)
            for job, at in ((recent, lately), (old, long_ago), (older_version, long_ago)):
                assert await tx.jobs.carry_over(job.id, to=recent.id, reason="carried over", now=at)
            did_not_say_when = update(JobRow).where(JobRow.number == older_version.number)
            await tx.connection.execute(did_not_say_when.values(finished_at=None))

        removed = await prune(app, keep_days=30, by=Asker("tests", "tests"))

        kept = [await _is_there(app, job) for job in (stopped, recent, old, older_version)]
    assert removed == 2
    assert kept == [True, True, False, False]


async def _is_there(app: App, job: Job) -> bool:
    try:
        await describe_job(app, job.id)
    except UnknownJob:
        return False
    return True
