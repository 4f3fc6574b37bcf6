"""A row with a value that cannot be read is left out by itself: whatever stands beside it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.errors import RowUnreadable, SignInRefused, UnknownKey
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.people import Identified, Limits
from orchestrator.domain.sessions import Way
from orchestrator.engine.circuit_breaker import judge_canaries
from orchestrator.engine.recovery import LEASE, recover_stalled
from orchestrator.usecases.access.keys import create_key, describe_key, holder_of, list_keys
from orchestrator.usecases.access.person_sign_in import finish_person_sign_in
from orchestrator.usecases.access.sessions import list_sessions
from orchestrator.usecases.access.sign_in import Directory, begin_session, session_of
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists
from orchestrator.usecases.operations.describe_lanes import list_lanes
from orchestrator.usecases.operations.measure import measure
from orchestrator.usecases.operations.write_notices import write_end_notices
from orchestrator.usecases.schedules.change_blackouts import list_blackouts
from orchestrator.usecases.schedules.describe_schedules import list_schedules
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.builders import ALICE
from tests.support.clock import ManualClock
from tests.support.schedules import a_list, a_schedule, seconds_until

pytestmark = pytest.mark.enable_socket

GARBAGE = ["", "no such thing", "7", "[]", "null", "\ufffd" * 9]
LIMITS = Limits(ceiling=5)
TIMES = ["", "yesterday", "7", "2026-11-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]


class Nobody:
    """A directory that is never reached."""

    async def begin(self, *, again: bool) -> tuple[str, str, str]:
        raise NotImplementedError

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Identified:
        raise NotImplementedError

    async def renew(self, refresh_token: str) -> Identified:
        raise NotImplementedError


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        yield app


async def poison(app: App, table: str, column: str, garbage: str, *, where: str = "1 = 1") -> None:
    async with app.store.transaction() as tx:
        statement = text(f"UPDATE {table} SET {column} = :garbage WHERE {where}")  # noqa: S608 - from this file
        await tx.connection.execute(statement, {"garbage": garbage})


async def goes_on(app: App, job: Job) -> None:
    """Views show the job, and a worker may hold something of it."""
    assert job.id in {view.job.id for view in await list_jobs(app, limit=100)}
    assert (await describe_job(app, job.id)).job.id == job.id
    await measure(app)
    await list_lanes(app)
    await recover_stalled(app)
    await write_end_notices(app)
    async with app.store.transaction() as tx:
        now = await tx.now()
        assert job.number in {each.place.job for each in await tx.fair_queue.due(worker=ALICE, now=now)}
        assert job.number in await tx.batch_claims.claim_many([job.number], worker=ALICE, lease=LEASE, now=now)


async def spoiled(app: App, column: str, garbage: list[str]) -> list[Job]:
    """A job for each of these values in this column of its row."""
    jobs = [await submitted(app, 3) for _ in garbage]
    for job, each in zip(jobs, garbage, strict=True):
        await poison(app, "jobs", column, each, where=f"id = '{job.id}'")
    return jobs


@pytest.mark.parametrize("column", ["action", "via"])
async def test_a_job_that_cannot_be_read_is_left_alone(app: App, column: str) -> None:
    good = await submitted(app, 3)
    bad = await spoiled(app, column, GARBAGE)

    await goes_on(app, good)

    assert len(await list_jobs(app, limit=1)) == 1, "a page is full in spite of them"
    assert {job.id for job in bad}.isdisjoint(view.job.id for view in await list_jobs(app, limit=100))
    for job in bad:
        with pytest.raises(RowUnreadable, match=job.id):
            await describe_job(app, job.id)
    async with app.store.reading() as tx:
        due = {each.place.job for each in await tx.fair_queue.due(worker=ALICE, now=await tx.now())}
    assert due.isdisjoint(job.number for job in bad)


@pytest.mark.parametrize("column", ["submitted_at", "touched_at", "started_at", "probe_at", "outage_since"])
async def test_a_time_of_a_job_that_cannot_be_right_breaks_no_view(app: App, column: str) -> None:
    good = await submitted(app, 3)
    bad = await spoiled(app, column, TIMES)

    await goes_on(app, good)

    for job in bad:
        assert (await describe_job(app, job.id)).job.id == job.id


async def test_a_job_that_lost_its_canaries_stops_and_goes_on_without_them(app: App) -> None:
    garbage = [*GARBAGE, '["2"]', "[true]"]
    jobs = [await submitted(app, 9, canary=2) for _ in garbage]
    for job, each in zip(jobs, garbage, strict=True):
        await poison(app, "jobs", "canaries", each, where=f"id = '{job.id}'")
    async with app.store.transaction() as tx:
        for job in jobs:
            assert await tx.batch_claims.claim(job.number, worker=ALICE, lease=LEASE, now=await tx.now()) is None

    await judge_canaries(app)

    for job in jobs:
        stopped = await describe_job(app, job.id)
        assert (stopped.job.status, stopped.tally.waiting) == (JobStatus.STOPPED, 9)
        assert "--canary" in (stopped.job.reason or "")
        await resume_job(app, job.id, by=SOMEBODY)
    for job in jobs:
        await goes_on(app, job)


@pytest.mark.parametrize("column", ["starts", "ends"])
async def test_a_blackout_that_cannot_be_read_stops_no_schedule(app: App, clock: ManualClock, column: str) -> None:
    garbage = [*GARBAGE, "0001-01-01", "9999-12-31T23:59:59+00:00"]
    starts = datetime(2030, 1, 1, tzinfo=UTC)
    named = [Blackout(starts, starts + timedelta(days=1), name) for name in ["kept", *map(str, range(len(garbage)))]]
    await a_list(app)
    view = await a_schedule(app, blackouts=tuple(named))
    for number, each in enumerate(garbage):
        await poison(app, "blackouts", column, each, where=f"reason = '{number}'")

    assert [each.blackout.reason for each in await list_blackouts(app)] == ["kept"]
    assert [each.schedule.name for each in await list_schedules(app)] == ["nightly"]
    assert view.schedule.next_at is not None
    clock.advance(seconds=seconds_until(view.schedule.next_at, clock.now()) + 1)
    assert await fire_schedules(app) == 1


@pytest.mark.parametrize("column", ["via", "columns"])
async def test_a_list_that_cannot_be_read_is_left_out(app: App, column: str) -> None:
    await a_list(app, name="good")
    await a_list(app, name="bad")
    for garbage in GARBAGE:
        number = "SELECT number FROM lists WHERE name = 'bad'"
        await poison(app, "list_versions", column, garbage, where=f"list_number = ({number})")

        if not (column == "columns" and garbage == "7"):
            assert [each.name for each in await list_lists(app)] == ["good"]
        with pytest.raises(RowUnreadable, match="bad"):
            await describe_list(app, "bad")


@pytest.mark.parametrize("column", ["role", "ceiling", "expires_at", "created_at"])
async def test_a_key_that_cannot_be_read_opens_nothing_more_than_it_did(app: App, column: str) -> None:
    good = await create_key(app, Grant(Role.ADMIN), name="good", lifetime=None, by=SOMEBODY)
    bad = await create_key(app, Grant(Role.OPERATOR, ceiling=2), name="bad", lifetime=None, by=SOMEBODY)
    for garbage in ["x", "", *TIMES]:
        await poison(app, "keys", column, garbage, where="name = 'bad'")

        assert await holder_of(app, good.text, origin="tests") is not None
        assert "good" in {key.name for key in (await list_keys(app))[0]}
        holder = await holder_of(app, bad.text, origin="tests")
        assert holder is None or (holder.grant.role is Role.OPERATOR and holder.grant.ceiling in {0, 2, 7})
        if column == "role":
            assert holder is None
            with pytest.raises((RowUnreadable, UnknownKey)):
                await describe_key(app, bad.key.id)


@pytest.mark.parametrize("column", ["role", "way", "expires_at", "signed_in_at", "seen_at"])
async def test_a_session_that_cannot_be_read_opens_nothing_and_hides_no_other(app: App, column: str) -> None:
    admin = Actor("alex", "tests", Grant(Role.ADMIN))
    good = await begin_session(app, admin, way=Way.LINK)
    bad = await begin_session(app, Actor("bob", "tests", Grant(Role.VIEWER)), way=Way.LINK)
    for garbage in ["x", *TIMES]:
        await poison(app, "sessions", column, garbage, where="name = 'bob'")

        assert "alex" in {session.name for session in await list_sessions(app, by=admin)}
        assert await session_of(app, good, directory=Directory(None, LIMITS)) is not None
        opened = await session_of(app, bad, directory=Directory(None, LIMITS))
        assert opened is None or column in {"expires_at", "signed_in_at", "seen_at"}


async def test_a_sign_in_that_cannot_be_read_begins_again(app: App) -> None:
    for garbage in [*GARBAGE, '{"flow": 1, "to": "/"}', '{"flow": "{}", "to": []}']:
        state = hashlib.sha256(b"state").hexdigest()
        async with app.store.transaction() as tx:
            now = await tx.now()
            await tx.sessions.remember_sign_in(state, garbage, expires_at=now + LEASE, now=now)

        with pytest.raises(SignInRefused, match="Begin again"):
            await finish_person_sign_in(app, Nobody(), {"state": "state"}, origin="tests", limits=LIMITS)
