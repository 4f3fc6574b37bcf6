"""How a run of a schedule compares with the run before it, on both databases and at a bounded cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.domain.access import Role
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.lane import LaneCalls
from orchestrator.domain.target import TargetOrder, TargetStatus
from orchestrator.store.jobs.past_jobs import PastEnd, PastTarget
from orchestrator.store.rows.jobs import JobRow
from orchestrator.usecases.jobs.compare_runs import ComparedDevice, related_runs
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_standing import standing_of
from orchestrator.usecases.jobs.list_targets import page_of_targets
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry, preview_retry_by_counts
from orchestrator.web.display import Display
from orchestrator.web.job_pages import standing_facts
from tests.support.apps import an_app, device_ids, submitted
from tests.support.statements import plan_of, statements_of, work_of
from tests.support.web import a_service, a_visitor, some_settings

pytestmark = pytest.mark.enable_socket

DEVICES = device_ids(400)
BAD = (TargetStatus.FAILED, 404, "ResourceNotFound")
UNSURE = (TargetStatus.UNCERTAIN, 504, "GatewayTimeout")
Outcome = tuple[TargetStatus, int, str | None]


async def a_run(app: App, devices: list[str], outcomes: Mapping[str, Outcome], name: str = "nightly") -> Job:
    """A finished run of a schedule, whose other devices were accepted."""
    job = await submitted(app, "\n".join(["Device ID", *devices]).encode())
    now = app.clock.now()
    async with app.store.transaction() as tx:
        lines = await tx.past_jobs.lines(job.number)
        targets = []
        for line, device in zip(lines, devices, strict=True):
            status, http_status, code = outcomes.get(device, (TargetStatus.ACCEPTED, 204, None))
            targets.append(PastTarget(line, status, now, 1, http_status, code))
        end = PastEnd(JobStatus.FINISHED, None, now, now + timedelta(seconds=90), targets, ())
        await tx.past_jobs.end(job.number, end, per_second=10)
        await tx.connection.execute(update(JobRow).where(JobRow.number == job.number).values(schedule=name))
    return job


async def test_a_run_says_which_devices_failed_again_newly_and_no_more(database_url: str) -> None:
    async with a_service(some_settings(database_url)) as service, service.client(Role.VIEWER) as client:
        app = service.served.app
        none = await related_runs(app, await describe_job(app, (await submitted(app, 3)).id))
        first = await a_run(app, DEVICES[:40], dict.fromkeys(DEVICES[:4], BAD))
        other = await a_run(app, DEVICES[:40], dict.fromkeys(DEVICES[10:20], BAD), "weekly")
        outcomes = {DEVICES[0]: BAD, DEVICES[2]: UNSURE, DEVICES[5]: UNSURE}
        second = await a_run(app, [*DEVICES[:3], *DEVICES[4:40]], outcomes)
        runs, found = await related_runs(app, await describe_job(app, second.id))
        oldest = await related_runs(app, await describe_job(app, first.id))
        answers = [await client.get(f"/api/jobs/{job.id}/comparison") for job in (second, first)]
        async with a_visitor(service, Role.VIEWER) as visitor:
            pages = [await visitor.get(f"/jobs/{job.id}{path}") for path in ("", "/changes") for job in (second, first)]

    assert none == ([], None)
    assert [run.job.id for run in runs] == [second.id, first.id]
    assert other.id not in {run.job.id for run in runs}
    assert oldest[1] is None
    assert found is not None
    assert found.before == first.id
    assert (found.same.count, found.new.count, found.mended.count, found.gone) == (2, 1, 1, 1)
    assert {each.device for each in found.same.devices} == {DEVICES[0], DEVICES[2]}
    assert found.new.devices == (ComparedDevice(DEVICES[5], None, "", "504 GatewayTimeout"),)
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[0].json()["mended"] == {
        "count": 1,
        "devices": [{"device": DEVICES[1], "name": None, "before": "404 ResourceNotFound", "now": ""}],
    }
    assert [page.status_code for page in pages] == [200, 200, 200, 303]
    assert f'<a href="/jobs/{second.id}/changes#mended">1 device</a>' in pages[0].text
    assert "Failed before, not called now" in pages[0].text
    assert all(device in pages[2].text for device in (DEVICES[0], DEVICES[1], DEVICES[2], DEVICES[5]))
    assert found.mended.devices == (ComparedDevice(DEVICES[1], None, "404 ResourceNotFound", ""),)


async def test_the_page_of_a_job_asks_as_much_for_many_devices_as_for_few(sqlite_url: str) -> None:
    asked: list[list[str]] = []
    plan = ""
    async with an_app(sqlite_url, "http://127.0.0.1:1") as app:
        for count in (10, 400):
            name = f"nightly-{count}"
            await a_run(app, DEVICES[:count], dict.fromkeys(DEVICES[: count // 2], BAD), name)
            job = await a_run(app, DEVICES[:count], dict.fromkeys(DEVICES[count // 4 : count], BAD), name)
            async with app.store.transaction() as tx:
                await tx.lanes.count_calls({job.lane: LaneCalls(10, count)}, now=app.clock.now())
            with statements_of(app.store) as statements:
                view = await describe_job(app, job.id)
                facts = standing_facts(app, await standing_of(app, view), Display())
                await page_of_targets(app, view, TargetOrder.STATUS, limit=50)
                _, compared = await related_runs(app, view)
                assert preview_retry_by_counts(view, TargetStatus.FAILED) == await preview_retry(
                    app, view.job.id, RetryWish(frozenset({TargetStatus.FAILED}))
                )
            asked.append(work_of(statements))
            assert compared is not None
            assert "Slowed down" in {event.title for event in facts["events"]}
        wanted = next(each for each in statements if "UNION ALL" in each.text)
        async with app.store.reading() as tx:
            plan = await plan_of(tx.connection, wanted)
        with statements_of(app.store) as again:
            await related_runs(app, view)

    assert len(asked[0]) == len(asked[1])
    assert "SCAN targets" not in plan
    assert not any("FROM targets" in text for text in work_of(again))
