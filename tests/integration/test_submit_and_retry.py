"""What is asked for by a person: a job is stored whole or not at all, found again, retried and removed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import BinaryIO, cast

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role, on_command_line
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.errors import (
    AmbiguousJob,
    IdempotencyConflict,
    IllegalMove,
    IntakeFailed,
    NotPermitted,
    RequestRejected,
    UnknownJob,
    WrongStatus,
)
from orchestrator.domain.job import Job, JobStatus, Priority
from orchestrator.domain.target import TargetFilter, TargetStatus, may_mend
from orchestrator.engine.recovery import recover_stalled
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.engine.database import Store, Transaction
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.list_targets import list_targets
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry, retry_job
from orchestrator.usecases.jobs.submit_job import JobRequest, NotConfirmed, submit_job
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.usecases.operations.prune import prune
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, devices_csv, driven, report_of, submitted, targets_of
from tests.support.builders import a_job
from tests.support.clock import ManualClock
from tests.support.truth import assert_the_report_is_true

pytestmark = pytest.mark.enable_socket

REQUEST = JobRequest(action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)
KEYED = replace(REQUEST, idempotency_key="key")


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
async def app(database_url: str, graph: SimulatedGraph) -> AsyncIterator[App]:
    async with serve(graph) as url, an_app(database_url, url) as opened:
        yield opened


async def rows_in(app: App) -> dict[str, int]:
    """How many rows each table of a job has."""
    tables = ("jobs", "batches", "targets", "input_pages")
    async with app.store.reading() as tx:
        counts = [
            (await tx.connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - our own names
            for table in tables
        ]
    return dict(zip(tables, counts, strict=True))


NOTHING = dict.fromkeys(("jobs", "batches", "targets", "input_pages"), 0)


class ReadsHalf(io.BytesIO):
    """A file that tells when half of it was read."""

    def __init__(self, content: bytes, loop: asyncio.AbstractEventLoop, halfway: asyncio.Event) -> None:
        super().__init__(content)
        self._half, self._loop, self._halfway = len(content) // 2, loop, halfway

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > self._half:
            self._loop.call_soon_threadsafe(self._halfway.set)
        return super().read(size)

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


class BreaksOff(io.BytesIO):
    """A file that cannot be read to its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 60_000:
            raise OSError("the share is gone")
        return super().read(size)

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


async def test_a_list_that_breaks_off_leaves_no_row_in_any_table(app: App) -> None:
    stream = cast("BinaryIO", BreaksOff(devices_csv(5000)))

    with pytest.raises(Exception, match="share is gone"):
        await submit_job(app, REQUEST, stream, file_name="x.csv", options=IntakeOptions())

    assert await rows_in(app) == NOTHING


async def test_a_submission_that_is_cancelled_leaves_no_row_in_any_table(app: App) -> None:
    halfway = asyncio.Event()
    stream = ReadsHalf(devices_csv(20_000), asyncio.get_running_loop(), halfway)

    submitting = asyncio.create_task(submit_job(app, REQUEST, stream, file_name="x.csv", options=IntakeOptions()))
    await halfway.wait()
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)

    assert submitting.cancelled()
    assert await rows_in(app) == NOTHING


async def test_bad_lines_leave_no_row_in_any_table(app: App) -> None:
    with pytest.raises(IntakeFailed, match="2 lines are bad"):
        await submitted(app, devices_csv(3) + b"\nrubbish\nmore rubbish")

    assert await rows_in(app) == NOTHING


async def test_a_no_leaves_no_row_in_any_table(app: App) -> None:
    with pytest.raises(NotConfirmed):
        await submit_job(
            app,
            REQUEST,
            io.BytesIO(devices_csv(3)),
            file_name="x.csv",
            options=IntakeOptions(),
            confirm=lambda preview: preview.report.good != 3,
        )

    assert await rows_in(app) == NOTHING


async def test_a_job_that_is_still_being_received_is_nowhere_to_be_seen(app: App) -> None:
    hidden = await a_job(app.store, 3, published=False)

    with pytest.raises(UnknownJob):
        await describe_job(app, hidden.id)
    with pytest.raises(UnknownJob):
        await describe_job(app, "latest")
    assert await list_jobs(app, limit=10) == []
    async with app.store.reading() as tx:
        assert await tx.fair_queue.due(worker=app.worker, now=await tx.now()) == []


async def test_a_reception_that_nobody_goes_on_with_is_forgotten(database_url: str) -> None:
    clock = ManualClock()
    async with an_app(database_url, "http://127.0.0.1:1", clock=clock) as app:
        async with app.store.reading() as tx:
            now = await tx.now()
        await a_job(app.store, 3, published=False, now=now - timedelta(minutes=16))
        fresh = await a_job(app.store, 3, published=False, now=now - timedelta(minutes=14))

        await recover_stalled(app)

        async with app.store.reading() as tx:
            left = (await tx.connection.execute(text("SELECT id FROM jobs"))).scalars().all()
        assert left == [fresh.id]
        assert await rows_in(app) == {"jobs": 1, "batches": 1, "targets": 3, "input_pages": 1}


async def test_a_job_whose_confirmation_took_too_long_says_so(app: App) -> None:
    async def forget_everything() -> None:
        async with app.store.transaction() as tx:
            (number,) = await tx.reception.abandoned(untouched_since=await tx.now() + timedelta(minutes=1), limit=5)
            await tx.reception.forget(number)

    loop = asyncio.get_running_loop()

    def hesitate(_preview: object) -> bool:
        asyncio.run_coroutine_threadsafe(forget_everything(), loop).result(10)
        return True

    with pytest.raises(RequestRejected, match="unconfirmed for too long"):
        await submit_job(
            app,
            REQUEST,
            io.BytesIO(devices_csv(3)),
            file_name="x.csv",
            options=IntakeOptions(),
            confirm=hesitate,
        )

    assert await rows_in(app) == NOTHING


async def test_one_key_is_one_job_however_often_and_however_close_together_it_comes(app: App) -> None:
    jobs = await asyncio.gather(*(submitted(app, 30, idempotency_key="key") for _ in range(5)))
    later = await submitted(app, 30, idempotency_key="key")

    assert len({job.id for job in (*jobs, later)}) == 1
    assert await rows_in(app) == {"jobs": 1, "batches": 1, "targets": 30, "input_pages": 1}


async def test_a_key_that_comes_with_another_list_is_refused_and_nothing_of_it_stays(app: App) -> None:
    await submitted(app, 30, idempotency_key="key")

    with pytest.raises(IdempotencyConflict):
        await submitted(app, 31, idempotency_key="key")

    assert (await rows_in(app))["targets"] == 30


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (replace(KEYED, reason="CHG-1"), IntakeOptions()),
        (KEYED, IntakeOptions(column="Device ID")),
        (KEYED, IntakeOptions(skip_invalid=True)),
        (KEYED, IntakeOptions(only_eligible=True)),
        (KEYED, IntakeOptions(take_all=True)),
        (replace(KEYED, canary=1), IntakeOptions()),
    ],
)
async def test_a_key_that_comes_with_other_options_or_another_reason_is_refused(
    app: App, request_: JobRequest, options: IntakeOptions
) -> None:
    async def submit(request: JobRequest, options: IntakeOptions) -> Job:
        return await submit_job(app, request, io.BytesIO(devices_csv(3)), file_name="x.csv", options=options)

    first = await submit(KEYED, IntakeOptions())

    with pytest.raises(IdempotencyConflict):
        await submit(request_, options)

    assert [view.job.id for view in await list_jobs(app, limit=10)] == [first.id]


async def test_each_caller_s_keys_are_their_own(app: App) -> None:
    portal, other = (Actor("key:portal", "10.0.0.1", key_id=key_id) for key_id in ("one", "two"))
    person, ada, bob = Actor("ada", "command line"), on_command_line("ada"), on_command_line("bob")

    jobs = {
        (by.name, by.origin, by.key_id): (await submitted(app, 3, idempotency_key="key", by=by)).id
        for by in (portal, other, person, ada, bob)
    }
    again = await submitted(app, 3, idempotency_key="key", by=replace(portal, origin="10.0.0.9"))

    assert len(set(jobs.values())) == 4
    assert jobs["ada", "", None] == jobs["bob", "", None]
    assert again.id == jobs["key:portal", "10.0.0.1", "one"]


async def test_a_retry_s_key_that_comes_with_another_reason_is_refused(app: App) -> None:
    job = await submitted(app, 5)
    await pause_job(app, job.id, by=SOMEBODY)
    waiting = [TargetStatus.WAITING]
    await retry_job(app, job.id, statuses=waiting, by=SOMEBODY, reason="CHG-1", idempotency_key="key")

    with pytest.raises(IdempotencyConflict):
        await retry_job(app, job.id, statuses=waiting, by=SOMEBODY, reason="CHG-2", idempotency_key="key")


async def test_the_report_has_one_row_for_every_row_of_the_input(app: App, graph: SimulatedGraph) -> None:
    good = device_ids(4)
    graph.refuse(good[1], 404)
    lines = ["Device ID,Owner", f"{good[0]},a", f"{good[1]},=b", "rubbish,c", f"{good[0].upper()},d", "", f"{good[2]}"]

    job = await submitted(app, "\r\n".join(lines).encode(), skip_invalid=True)
    await driven(app, job)
    rows = await report_of(app, job)

    assert [(row["line"], row["status"], row["Owner"]) for row in rows] == [
        ("2", "accepted", "a"),
        ("3", "failed", "'=b"),
        ("4", "rejected", "c"),
        ("5", "duplicate", "d"),
        ("7", "accepted", ""),
    ]
    assert "same device as line 2" in rows[3]["errorMessage"]
    assert (job.intake.rows, job.intake.duplicates, job.intake.rejected) == (5, 1, 1)


async def test_a_job_is_found_by_its_id_any_beginning_of_it_and_as_the_latest(app: App) -> None:
    older, newer = await submitted(app, 1), await submitted(app, 1)

    assert (await describe_job(app, older.id)).job.id == older.id
    assert (await describe_job(app, older.id[:9].upper())).job.id == older.id
    assert (await describe_job(app, "latest")).job.id == newer.id
    for nobody in ("", "%", "_", "nobody"):
        with pytest.raises(UnknownJob):
            await describe_job(app, nobody)


async def test_a_beginning_that_fits_several_jobs_names_them(app: App) -> None:
    first = (await submitted(app, 1)).id
    async with app.store.transaction() as tx:
        await tx.connection.execute(text("UPDATE jobs SET id = 'bbbbbbbbbbbb' WHERE id = :id"), {"id": first})
    second = (await submitted(app, 1)).id
    async with app.store.transaction() as tx:
        await tx.connection.execute(text("UPDATE jobs SET id = 'bbbb' WHERE id = :id"), {"id": second})

    with pytest.raises(AmbiguousJob) as ambiguous:
        await describe_job(app, "bbb")

    assert ambiguous.value.fitting == ("bbbb", "bbbbbbbbbbbb")
    assert (await describe_job(app, "bbbb")).job.id == "bbbb"  # a whole id is one, whatever it begins


async def test_old_jobs_that_ended_are_removed_with_all_that_belongs_to_them(app: App) -> None:
    ended, running = await submitted(app, 10), await submitted(app, 20)
    await cancel_job(app, ended.id, by=SOMEBODY)

    early = await prune(app, keep_days=1, by=SOMEBODY)
    late = await prune(app, keep_days=-1, by=SOMEBODY)

    assert (early, late) == (0, 1)
    assert await rows_in(app) == {"jobs": 1, "batches": 1, "targets": 20, "input_pages": 1}
    assert (await describe_job(app, "latest")).job.id == running.id


async def test_pausing_twice_is_pausing_once_and_what_ended_moves_no_more(app: App) -> None:
    job = await submitted(app, 10)

    await pause_job(app, job.id, by=SOMEBODY)
    paused = await pause_job(app, job.id, by=SOMEBODY)
    await cancel_job(app, job.id, by=SOMEBODY)
    cancelled = await cancel_job(app, job.id, by=SOMEBODY)

    assert paused.status is JobStatus.PAUSED
    assert cancelled.status is JobStatus.CANCELLED
    for move in (pause_job, resume_job):
        with pytest.raises(IllegalMove):
            await move(app, job.id, by=SOMEBODY)
    with pytest.raises(IllegalMove, match="A cancelled job cannot become one of high priority"):
        await reprioritise_job(app, job.id, Priority.HIGH, by=SOMEBODY)
    assert (await describe_job(app, job.id)).job.priority is Priority.NORMAL


async def test_what_waits_goes_on_in_a_retry_and_no_device_is_in_two_jobs(app: App, graph: SimulatedGraph) -> None:
    job = await submitted(app, 50)
    await pause_job(app, job.id, by=SOMEBODY)

    retry = await retry_job(app, job.id, statuses=[TargetStatus.WAITING], by=SOMEBODY)
    await driven(app, retry)

    assert retry.retry_of == job.id
    assert (await describe_job(app, job.id)).tally.cancelled == 50
    assert len(graph.tenant.effects) == 50
    assert graph.tenant.repeated() == {}
    assert [target.line for target in await targets_of(app, retry)] == list(range(2, 52))
    assert_the_report_is_true(await report_of(app, retry), graph, to_the_call=True)


async def test_a_retry_for_which_there_is_nothing_cancels_nothing(app: App) -> None:
    job = await submitted(app, 50)
    await pause_job(app, job.id, by=SOMEBODY)

    with pytest.raises(RequestRejected, match="no waiting target"):
        await retry_job(app, job.id, statuses=[TargetStatus.WAITING], code="ResourceNotFound", by=SOMEBODY)

    assert (await describe_job(app, job.id)).status is JobStatus.PAUSED
    assert (await rows_in(app))["jobs"] == 1


async def test_what_waits_in_a_running_job_is_not_for_a_retry(app: App) -> None:
    job = await submitted(app, 50)

    with pytest.raises(RequestRejected, match="Pause it first"):
        await retry_job(app, job.id, statuses=[TargetStatus.WAITING], by=SOMEBODY)


async def test_a_retry_of_one_error_takes_its_devices_alone(app: App, graph: SimulatedGraph) -> None:
    devices = device_ids(40)
    graph.refuse(devices[25], 404)
    graph.refuse(devices[30], 400)
    job = await submitted(app, 40)
    await driven(app, job)

    retry = await retry_job(app, job.id, code="resourcenotfound", by=SOMEBODY)

    assert [target.device for target in await targets_of(app, retry)] == [devices[25]]


async def test_a_retry_takes_the_devices_that_a_search_finds(app: App) -> None:
    devices = device_ids(40)
    job = await submitted(app, 40)
    await cancel_job(app, job.id, by=SOMEBODY)
    cancelled = [TargetStatus.CANCELLED]
    part = devices[7][4:14]
    limited = Actor("limited", "tests", Grant(Role.OPERATOR, 1))

    retry = await retry_job(app, job.id, statuses=cancelled, search=part.upper(), by=limited)
    with pytest.raises(WrongStatus, match="no cancelled target"):
        await retry_job(app, job.id, statuses=cancelled, search="nothing like it", by=limited)

    assert [target.device for target in await targets_of(app, retry)] == [devices[7]]
    assert [each.device for each in await list_targets(app, job.id, TargetFilter(search=part.upper()), limit=9)] == [
        devices[7]
    ]


async def test_a_retry_of_some_that_wait_does_not_cancel_the_others(app: App) -> None:
    job = await submitted(app, 40)
    await pause_job(app, job.id, by=SOMEBODY)

    with pytest.raises(WrongStatus, match="40 devices wait and 1 of them fit"):
        await retry_job(app, job.id, statuses=[TargetStatus.WAITING], search=device_ids(40)[7][4:14], by=SOMEBODY)

    assert (await describe_job(app, job.id)).status is JobStatus.PAUSED
    assert (await retry_job(app, job.id, statuses=[TargetStatus.WAITING], search="-", by=SOMEBODY)).intake.rows == 40


async def test_a_retry_of_too_many_of_what_a_search_finds_changes_nothing(app: App) -> None:
    job = await submitted(app, 40)
    await pause_job(app, job.id, by=SOMEBODY)
    limited = Actor("limited", "tests", Grant(Role.OPERATOR, 39))

    with pytest.raises(NotPermitted, match="these are 40"):
        await retry_job(app, job.id, statuses=[TargetStatus.WAITING], search="-", by=limited)

    assert (await describe_job(app, job.id)).status is JobStatus.PAUSED


async def test_doubtful_devices_that_wait_go_into_the_retry_too(app: App) -> None:
    job = await submitted(app, 40)
    async with app.store.transaction() as tx:
        await tx.connection.execute(
            text("UPDATE targets SET doubtful = true, attempts = 1 WHERE job_number = :number AND line <= 4"),
            {"number": job.number},
        )
    await pause_job(app, job.id, by=SOMEBODY)

    retry = await retry_job(app, job.id, statuses=[TargetStatus.WAITING], by=SOMEBODY)
    old = await describe_job(app, job.id)

    assert (old.tally.uncertain, old.tally.cancelled) == (3, 37)
    assert (await describe_job(app, retry.id)).tally.waiting == 40


class _DyingStore:
    """A store whose process dies with the transaction after so many."""

    def __init__(self, store: Store, lives: int) -> None:
        self._store, self._lives = store, lives
        self.reading = store.reading

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """The next one, while there is one."""
        self._lives -= 1
        if self._lives < 0:
            raise _Died
        async with self._store.transaction() as tx:
            yield tx


class _Died(Exception):
    pass


async def test_a_retry_that_dies_anywhere_loses_no_device_and_calls_none_twice(app: App) -> None:
    for lives in count():
        job = await submitted(app, 5)
        await pause_job(app, job.id, by=SOMEBODY)
        dying = replace(app, store=cast("Store", _DyingStore(app.store, lives)))
        try:
            await retry_job(dying, job.id, statuses=[TargetStatus.WAITING], by=SOMEBODY)
            died = False
        except _Died:
            died = True

        old = await describe_job(app, job.id)
        assert len(old.retried_by) == (0 if old.job.status == "paused" else 1)
        await recover_stalled(app)
        tally = (await describe_job(app, job.id)).tally
        made = [(await describe_job(app, retry)).tally for retry in old.retried_by]
        assert (tally.waiting, *(each.waiting for each in made)) == ((0, 5) if made else (5,))
        if not died:
            break

    assert lives > 3


async def test_a_retry_leaves_out_what_no_attempt_mends_unless_it_is_asked_for(app: App, graph: SimulatedGraph) -> None:
    gone, busy = device_ids(10)[:3], device_ids(10)[3:5]
    graph.tenant.known_devices = set(device_ids(10)[3:])
    for device in busy:
        graph.refuse(device, 423, times=99)
    job = await driven(app, await submitted(app, 10))
    counted = await preview_retry(app, job.job.id, RetryWish())
    everything = await preview_retry(app, job.job.id, RetryWish(frozenset({TargetStatus.FAILED})))
    found = await preview_retry(app, job.job.id, RetryWish(search=gone[0]))
    kept = report_text(app, job.job.id, keep=lambda target: not may_mend(target.status, target.http_status))
    report = "".join([piece async for piece in kept])

    retry = await retry_job(app, job.job.id, by=SOMEBODY)

    assert (counted.devices, counted.left_out) == (2, 3)
    assert (everything.devices, everything.left_out) == (5, 0)
    assert (found.devices, found.left_out) == (0, 1)
    assert report.count("ResourceNotFound") == 3
    assert retry.intake.rows == 2
    assert (await describe_job(app, job.job.id)).retried_by == (retry.id,)
