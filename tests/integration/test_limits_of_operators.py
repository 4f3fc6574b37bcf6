"""An operator with limits changes nothing that they could not have created, whatever the change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.errors import NotPermitted
from orchestrator.domain.job import Priority
from orchestrator.domain.target import TargetStatus
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.lists.describe_lists import list_lists, remove_list
from orchestrator.usecases.schedules.change_blackouts import add_blackouts, list_blackouts, remove_blackout
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import list_schedules
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.schedules import a_list, a_schedule

pytestmark = pytest.mark.enable_socket

BIG = 6
OF_TWO_DEVICES = Grant(Role.OPERATOR, ceiling=2)
OF_ANOTHER_ACTION = Grant(Role.OPERATOR, actions=frozenset({Action.QUICK_SCAN}))
OF_ANOTHER_TENANT = Grant(Role.OPERATOR, tenants=frozenset({"elsewhere"}))
NIGHT = Blackout(datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC), "holidays")

Change = Callable[[App, str, Actor], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "submit": lambda app, _, by: submitted(app, BIG, by=by),
    "pause a job": lambda app, job, by: pause_job(app, job, by=by),
    "resume a job": lambda app, job, by: resume_job(app, job, by=by),
    "cancel a job": lambda app, job, by: cancel_job(app, job, by=by),
    "weigh a job": lambda app, job, by: reprioritise_job(app, job, Priority.HIGH, by=by),
    "retry a job": lambda app, job, by: retry_job(app, job, statuses=[TargetStatus.WAITING], by=by),
    "import a list": lambda app, _, by: a_list(app, 1, by=by),
    "remove a list": lambda app, _, by: remove_list(app, "fleet", by=by, force=True),
    "change a schedule": lambda app, _, by: change_schedule(app, "nightly", {"timezone": "UTC"}, by=by),
    "pause a schedule": lambda app, _, by: pause_schedule(app, "nightly", by=by),
    "resume a schedule": lambda app, _, by: resume_schedule(app, "nightly", by=by),
    "run a schedule": lambda app, _, by: run_schedule(app, "nightly", by=by),
    "remove a schedule": lambda app, _, by: remove_schedule(app, "nightly", by=by),
    "black a schedule out": lambda app, _, by: add_blackouts(app, [NIGHT], schedule="nightly", tenant=None, by=by),
    "black a tenant out": lambda app, _, by: add_blackouts(app, [NIGHT], schedule=None, tenant="default", by=by),
    "black all out": lambda app, _, by: add_blackouts(app, [NIGHT], schedule=None, tenant=None, by=by),
    "lift a blackout": lambda app, _, by: remove_blackout(app, 1, by=by),
}


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:9") as app:
        yield app


async def standing(app: App) -> object:
    """Everything that a change could have changed."""
    return (
        [(view.job.id, view.status, view.job.priority) for view in await list_jobs(app, limit=10)],
        [(each.name, each.version) for each in await list_lists(app)],
        [(view.schedule.name, view.schedule.status, view.schedule.recurrence) for view in await list_schedules(app)],
        [view.blackout for view in await list_blackouts(app)],
        len(await read_audit(app, by=SOMEBODY, limit=100)),
    )


@pytest.mark.parametrize("grant", [OF_TWO_DEVICES, OF_ANOTHER_ACTION, OF_ANOTHER_TENANT])
async def test_no_change_reaches_beyond_what_they_could_have_created(app: App, grant: Grant) -> None:
    await a_list(app, BIG)
    await a_schedule(app)
    await add_blackouts(app, [NIGHT], schedule="nightly", tenant=None, by=SOMEBODY)
    job = (await submitted(app, BIG)).id
    await pause_job(app, job, by=SOMEBODY)
    before = await standing(app)

    permitted = []
    for name, change in CHANGES.items():
        try:
            await change(app, job, Actor("poor", "tests", grant))
        except NotPermitted:
            continue
        permitted.append(name)

    assert permitted == []
    assert await standing(app) == before


async def test_what_they_could_have_created_they_may_change(app: App) -> None:
    poor = Actor("poor", "tests", Grant(Role.OPERATOR, 2, frozenset({Action.REFRESH_USER_POLICY})))
    await a_list(app, 2)
    await a_schedule(app)
    job = (await submitted(app, 2)).id

    await pause_schedule(app, "nightly", by=poor)
    await resume_schedule(app, "nightly", by=poor)
    await a_list(app, 1, by=poor)
    await remove_schedule(app, "nightly", by=poor)
    await remove_list(app, "fleet", by=poor)
    cancelled = await cancel_job(app, job, by=poor)

    assert cancelled.status == "cancelled"
    assert (await list_lists(app), await list_schedules(app)) == ([], [])
