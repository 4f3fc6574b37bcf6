"""Keys expire, are rotated and revoked, and what they created ends with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.errors import NotPermitted, RequestRejected, WrongStatus
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.usecases.access.keys import NewKey, create_key, describe_key, holder_of, rotate_key
from orchestrator.usecases.access.revoke_key import revoke_key
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.schedules.describe_schedules import describe_schedule
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock
from tests.support.schedules import a_list, a_schedule, history_of, seconds_until

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        yield app


async def held(app: App, made: NewKey, *, origin: str = "10.0.0.1") -> Actor:
    holder = await holder_of(app, made.text, origin=origin)
    assert holder is not None
    return holder


async def a_key(app: App, role: Role = Role.ADMIN, *, days: int | None = None, by: Actor = SOMEBODY) -> NewKey:
    return await create_key(
        app, Grant(role), name="portal", lifetime=None if days is None else timedelta(days=days), by=by
    )


async def test_a_key_makes_no_key_that_outlives_it(app: App) -> None:
    first = await a_key(app, days=30)
    holder = await held(app, first)

    second = await a_key(app, by=holder)

    assert second.key.expires_at == first.key.expires_at
    with pytest.raises(NotPermitted, match="outlives"):
        await a_key(app, days=31, by=holder)
    with pytest.raises(NotPermitted, match="outlives"):
        await rotate_key(app, first.key.id, lifetime=timedelta(days=60), by=holder)
    with pytest.raises(RequestRejected, match="365 days at most"):
        await a_key(app, days=400)


async def test_the_last_use_of_a_key_is_known_with_its_address(app: App, clock: ManualClock) -> None:
    made = await a_key(app)
    await held(app, made, origin="10.0.0.1")
    clock.advance(seconds=20)
    await held(app, made, origin="10.0.0.2")

    view = await describe_key(app, made.key.id)

    assert (view.key.last_used_from, view.key.last_used_at) == ("10.0.0.2", clock.now())


async def test_a_rotated_key_is_valid_until_the_overlap_is_over_and_its_heir_has_what_it_created(
    app: App, clock: ManualClock
) -> None:
    old = await a_key(app, days=60)
    await a_list(app, 2)
    await a_schedule(app, by=await held(app, old))

    new = await rotate_key(app, old.key.id, overlap=timedelta(days=2), by=SOMEBODY)
    clock.advance(days=1)
    both = [await holder_of(app, each.text, origin="here") is not None for each in (old, new)]
    clock.advance(days=1)
    one = [await holder_of(app, each.text, origin="here") is not None for each in (old, new)]
    await fire_schedules(app)

    assert (both, one) == ([True, True], [False, True])
    assert (new.key.name, new.key.grant) == (old.key.name, old.key.grant)
    assert new.key.expires_at - new.key.created_at == timedelta(days=60)
    assert (await describe_key(app, new.key.id)).created.schedules == ("nightly",)
    assert (await describe_schedule(app, "nightly")).schedule.status is ScheduleStatus.ACTIVE
    with pytest.raises(WrongStatus, match="replaced by key"):
        await rotate_key(app, old.key.id, by=SOMEBODY)


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_schedule_of_a_key_that_has_ended_calls_nobody_and_says_why(
    app: App, clock: ManualClock, end: str
) -> None:
    made = await a_key(app, days=30)
    await a_list(app, 2)
    await a_schedule(app, by=await held(app, made))
    if end == "revoked":
        await revoke_key(app, made.key.id, by=SOMEBODY)
    clock.advance(days=31)

    jobs = await fire_schedules(app)
    stands = (await describe_schedule(app, "nightly")).schedule
    occurrences = await history_of(app)
    next_at = (await resume_schedule(app, "nightly", by=SOMEBODY)).schedule.next_at
    assert next_at is not None
    clock.advance(seconds=seconds_until(next_at, clock.now()))
    jobs_of_the_heir = await fire_schedules(app)

    assert jobs == 0
    assert stands.status is ScheduleStatus.SET_ASIDE
    assert stands.reason is not None
    assert f"Key portal ({made.key.id}), which created this schedule" in stands.reason
    assert end in stands.reason
    assert occurrences[-1].reason == stands.reason
    assert jobs_of_the_heir == 1


async def test_revoking_a_key_shows_what_it_created_and_ends_it_only_on_request(app: App) -> None:
    first = await a_key(app)
    holder = await held(app, first)
    second = await a_key(app, by=holder)
    await a_list(app, 2)
    await a_schedule(app, by=await held(app, second))
    job = await submitted(app, 2, by=holder)
    others = await submitted(app, 2)

    alone = await revoke_key(app, first.key.id, by=SOMEBODY)
    still = await holder_of(app, second.text, origin="here")
    together = await revoke_key(app, first.key.id, with_created=True, by=SOMEBODY, reason="lost")
    after = await describe_key(app, first.key.id)

    assert alone.created == together.created
    assert (alone.created.keys, alone.created.schedules, alone.created.jobs) == (
        (second.key.id,),
        ("nightly",),
        (job.id,),
    )
    assert still is not None
    assert await holder_of(app, second.text, origin="here") is None
    assert (await describe_schedule(app, "nightly")).schedule.status is ScheduleStatus.PAUSED
    assert (await describe_job(app, job.id)).status == "paused"
    assert (await describe_job(app, others.id)).status == "queued"
    assert after.created.keys == ()


async def test_a_schedule_of_a_person_stays_theirs_when_somebody_resumes_it(app: App) -> None:
    await a_list(app, 2)
    await a_schedule(app, by=Actor("alex", "tests", person_id="t/o"))
    await pause_schedule(app, "nightly", by=SOMEBODY)
    await resume_schedule(app, "nightly", by=SOMEBODY)

    assert (await describe_schedule(app, "nightly")).schedule.creator == "person t/o"
