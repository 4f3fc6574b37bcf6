from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Intake, Job, JobStatus, Priority, Tally
from orchestrator.domain.zones import zone_of
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.web import job_filters
from orchestrator.web.job_chips import chips_of
from orchestrator.web.job_groups import ScheduledRuns, duration, grouped, rate

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
BERLIN = zone_of("Europe/Berlin")
FIELDS = dict.fromkeys(job_filters.FIELDS, "")


def a_view(name: str, hours_ago: float, status: JobStatus = JobStatus.FINISHED, schedule: str | None = None) -> JobView:
    at = NOW - timedelta(hours=hours_ago)
    job = Job(
        number=JobNumber(1),
        id=JobId(name),
        name=name,
        action=Action.QUICK_SCAN,
        via=Via.MANAGED_DEVICES,
        tenant="default",
        lane=LaneKey("global/a/b"),
        priority=Priority.NORMAL,
        status=status,
        reason=None,
        intake=Intake(200),
        input_columns=("Device ID",),
        submitted_by="me",
        submit_reason=None,
        submitted_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=20) if status.is_final else None,
        schedule=schedule,
    )
    return JobView(job, status, Tally(accepted=190, failed=10), (), None)


def test_each_job_stands_in_one_group_and_what_needs_attention_comes_first() -> None:
    views = [
        a_view("running", 0.1, JobStatus.RUNNING),
        a_view("by-hand", 1),
        a_view("six", 2, schedule="signatures"),
        a_view("noon", 8, schedule="signatures"),
        a_view("stopped", 9, JobStatus.STOPPED),
        a_view("yesterday", 20, schedule="signatures"),
    ]

    groups = grouped(views, {JobId("stopped")}, NOW, BERLIN)

    assert [group.title for group in groups] == ["Needs attention", "Running and waiting", "Today", "Yesterday"]
    assert sum(group.jobs for group in groups) == len(views)
    folded = groups[2].rows[1]
    assert isinstance(folded, ScheduledRuns)
    assert [view.job.id for view in folded.views] == ["six", "noon"]
    assert isinstance(groups[3].rows[0], JobView)


def test_how_long_a_job_took_is_told_only_where_it_runs_or_has_ended() -> None:
    ended, running, stopped = a_view("a", 1), a_view("b", 0.5, JobStatus.RUNNING), a_view("c", 1, JobStatus.STOPPED)

    assert (duration(ended, NOW), rate(ended, NOW)) == (20, 10)
    assert duration(running, NOW) == 1800
    assert duration(stopped, NOW) is None


def test_a_chip_that_is_set_leads_to_the_address_without_it() -> None:
    fields = {**FIELDS, "search": "ring", "action": "quickScan", "who": "me"}
    chips = chips_of(fields, "me", urgent=2, is_attention=False)

    by_words = {chip.words: chip for chip in chips}
    assert by_words["Action: Quick scan"].where == "/jobs?who=me&search=ring"
    assert by_words["Mine"].is_set
    assert by_words["Mine"].where == "/jobs?action=quickScan&search=ring"
    assert by_words["Needs attention"].count == 2
    assert by_words["With failures"].where.startswith("/jobs?status=finished-with-failures&action=quickScan")
