"""The marks of a job's chart that no worker writes."""

from __future__ import annotations

from sqlalchemy import update

from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import WorkerId
from orchestrator.domain.job import JobStatus
from orchestrator.domain.waiting import LaneWait, WaitKind
from orchestrator.store.rows.jobs import JobRow
from orchestrator.usecases.jobs.describe_standing import describe_standing
from orchestrator.usecases.jobs.sample_progress import EVERY, sample_progress
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock
from tests.support.statements import engine_of

AWAY = LaneWait(WaitKind.GRAPH_UNREACHABLE, "no connection could be made", None)
SLOW = LaneWait(WaitKind.SIGN_IN, "the sign-in has not answered", None)


async def test_the_time_in_which_graph_could_not_be_reached_is_a_span_of_the_chart(
    sqlite_url: str, clock: ManualClock
) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as app:
        job = await submitted(app, 3)
        async with engine_of(app.store).begin() as connection:
            started = {"status": JobStatus.RUNNING, "started_at": clock.now()}
            await connection.execute(update(JobRow).where(JobRow.id == job.id).values(**started))
        for waits in ({}, {job.lane: AWAY}, {job.lane: AWAY}, {job.lane: SLOW}, {}, {job.lane: AWAY}):
            clock.advance(seconds=5)
            async with app.store.transaction() as tx:
                await tx.lane_waits.report(WorkerId("one"), waits, now=await tx.now())
            due_in = [await sample_progress(app) for _ in range(2)]
        course = (await describe_standing(app, job.id)).course

    assert [(clock.now().timestamp() + each) % EVERY for each in due_in] == [0, 0]
    first, second = course.spans
    assert [span.kind for span in course.spans] == [EventKind.UNREACHABLE] * 2
    assert first.ends_at is not None
    assert (first.ends_at - first.begins_at).total_seconds() == 10
    assert (second.begins_at - first.ends_at).total_seconds() == 10
    assert second.ends_at is None
