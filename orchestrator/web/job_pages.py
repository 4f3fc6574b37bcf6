"""The pages that show jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import priority_facts
from orchestrator.domain.course import EventKind
from orchestrator.domain.error_groups import ErrorGroup
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import ACTIVE, JobStatus, Priority, Tally
from orchestrator.domain.target import RowVerdict, TargetFacts, TargetStatus, may_mend
from orchestrator.domain.zones import wall_at
from orchestrator.http.web_context import Parts, TheApp, WebContext
from orchestrator.usecases.jobs.compare_runs import related_runs
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs, standings_of
from orchestrator.usecases.jobs.describe_standing import JobStanding
from orchestrator.usecases.jobs.retry_job import preview_retry_by_counts
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.usecases.schedules.describe_schedules import schedule_names
from orchestrator.web.addresses import query
from orchestrator.web.chart import draw
from orchestrator.web.display import Display, display_of
from orchestrator.web.form_fields import new_once
from orchestrator.web.formatting import left
from orchestrator.web.job_chips import chips_of
from orchestrator.web.job_filters import Asked
from orchestrator.web.job_groups import grouped
from orchestrator.web.job_timeline import error_groups, timeline, verdict
from orchestrator.web.move_forms import MOST_SELECTED
from orchestrator.web.pages import Before, Pages, is_fragment
from orchestrator.web.saved_views import views_of
from orchestrator.web.session import Viewer
from orchestrator.web.shown import shown_text
from orchestrator.web.sparkline import Bar, sparklines
from orchestrator.web.target_table import BAD, RETRIABLE, AskedTargets, targets_facts

JOBS_SHOWN = 50

_URGENT_FOR = 5.0
"""Seconds that a page may show which jobs need attention: a third of its processor time went into looking anew each
second. Its stream corrects it, and a change by this process counts at once."""

_SHORT = 300.0
"""Seconds: times of a shorter chart name their second."""


def job_pages(pages: Pages) -> APIRouter:
    """The list of jobs, one job, and its targets."""
    routes = APIRouter()
    _add_list(routes, pages)
    _add_job(routes, pages)
    _add_targets(routes, pages)
    return routes


def _add_list(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/jobs")
    async def jobs(
        *,
        request: Request,
        parts: Parts,
        visitor: Viewer,
        asked: Asked,
        before: Before = None,
        attention: bool = False,
    ) -> Response:
        urgent = await parts.watch.overviews.urgent_jobs(within=_URGENT_FOR)
        if attention:
            views = sorted((await standings_of(parts.app, urgent)).values(), key=lambda view: -view.job.number)
        else:
            views = await list_jobs(parts.app, wanted=asked.wanted, limit=JOBS_SHOWN + 1, before=before)
        fields = asked.fields
        more = len(views) > JOBS_SHOWN and not attention
        return pages.show(
            request,
            "jobs_list.html" if is_fragment(request) else "jobs.html",
            fields=fields,
            chips=chips_of(fields, visitor.name, urgent=len(urgent), is_attention=attention),
            live=f"/jobs/live{query(**fields)}" if before is None and not attention else None,
            older=query(**fields, before=views[JOBS_SHOWN - 1].job.number) if more else None,
            is_first=before is None,
            actions=[*Action],
            tenants=[*parts.app.tenants],
            schedules=await schedule_names(parts.app),
            people=sorted({view.job.submitted_by for view in views}),
            saved=views_of(request),
            **job_rows_facts(parts, views[:JOBS_SHOWN], urgent, display_of(request)),
        )


def _add_job(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/jobs/{job_id}")
    async def job(
        *,
        request: Request,
        parts: Parts,
        visitor: Viewer,
        job_id: str,
        asked: AskedTargets,
    ) -> Response:
        standing = await parts.watch.standing(job_id)
        view = standing.view
        if view.job.id != job_id:
            return RedirectResponse(f"/jobs/{view.job.id}", 303)
        facts = standing_facts(parts.app, standing, display_of(request))
        if not any(asked.filters.values()) and view.status.is_final and view.tally.failed + view.tally.uncertain:
            # Failures first: who opens a finished job looks for them.
            asked = replace(asked, status=BAD)
        targets = await targets_facts(parts, visitor, view, asked)
        runs, comparison = await related_runs(parts.app, view)
        return pages.show(
            request,
            "job.html",
            **facts,
            **targets,
            runs=runs,
            comparison=comparison,
            priorities=[*Priority],
            once=new_once(parts.app),
            retry=preview_retry_by_counts(view, TargetStatus(facts["usual"])),
        )

    @routes.get("/jobs/{job_id}/changes")
    async def changes(request: Request, app: TheApp, _: Viewer, job_id: str) -> Response:
        view = await describe_job(app, job_id)
        comparison = (await related_runs(app, view))[1]
        if comparison is None:
            return RedirectResponse(f"/jobs/{view.job.id}", 303)
        return pages.show(request, "job_changes.html", job=view.job, comparison=comparison)


def _add_targets(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/jobs/{job_id}/targets")
    async def targets(
        *,
        request: Request,
        parts: Parts,
        visitor: Viewer,
        job_id: str,
        asked: AskedTargets,
    ) -> Response:
        view = await describe_job(parts.app, job_id)
        found = await targets_facts(parts, visitor, view, asked)
        if not is_fragment(request):
            # A page without the dialog of a retry.
            return pages.show(request, "targets_page.html", view=view, **{**found, "retries": ""})
        response = pages.show(request, "targets.html", view=view, **found)
        if request.headers.get("hx-trigger") == "target-filters":
            # The address holds the filter, so that it can be shared.
            response.headers["HX-Replace-Url"] = f"/jobs/{view.job.id}{asked.where()}"
        return response

    @routes.get("/jobs/{job_id}/report.csv")
    async def report(
        *,
        app: TheApp,
        _: Viewer,
        job_id: str,
        status: str = "",
        permanent: bool = False,
        error: Annotated[str, Query(max_length=200)] = "",
        line: Annotated[list[int] | None, Query(max_length=MOST_SELECTED)] = None,
    ) -> Response:
        view = await describe_job(app, job_id)
        statuses = tuple(word for word in status.split(",") if word)
        if not set(statuses) <= {each.value for each in (*TargetStatus, *RowVerdict)}:
            raise RequestRejected(f"{status!r} is no status of a row.")
        return StreamingResponse(
            report_text(app, view.job.id, statuses=statuses, keep=_kept(error, line or (), permanent=permanent)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="muster-{view.job.id}.csv"'},
        )


def _kept(error: str, lines: Collection[int], *, permanent: bool) -> Callable[[TargetFacts], bool] | None:
    """Which targets a report is narrowed to; None where all of them are in it."""
    if not error and not permanent and not lines:
        return None

    def keep(target: TargetFacts) -> bool:
        if lines and target.line not in lines:
            return False
        if error and (target.error_code or "").casefold() != error.casefold():
            return False
        return not permanent or not may_mend(target.status, target.http_status)

    return keep


def job_rows_facts(
    parts: WebContext, views: Sequence[JobView], urgent: Collection[JobId], display: Display
) -> dict[str, Any]:
    """Returns the template values of the rows of the job list."""
    now = parts.app.clock.now()
    return {
        "views": views,
        "groups": grouped(views, urgent, now, display.clock),
        "several_tenants": len(parts.app.tenants) > 1,
        "now": now,
    }


def standing_facts(app: App, standing: JobStanding, display: Display) -> dict[str, Any]:
    """Returns the template values of the live part of a job's page."""
    view, course = standing.view, standing.course
    tally = view.tally
    permanent = sum(each.count for each in view.errors if not may_mend(each.status, each.http_status))
    usual, mendable = _usual_retry(tally, permanent)
    chart = draw(course.samples, spans=course.spans, is_at_rest=course.is_at_rest)
    now = app.clock.now()
    at_rest = chart.ends_at if chart is not None and course.is_at_rest else now
    seen_until = view.job.finished_at or at_rest

    def clock_at(at: datetime) -> str:
        is_short = chart is not None and (chart.ends_at - chart.begins_at).total_seconds() < _SHORT
        return f"{wall_at(at, display.clock):{'%H:%M:%S' if is_short else '%H:%M'}}"

    return {
        "view": view,
        "job": view.job,
        "tally": tally,
        "verdict": verdict(view, permanent=permanent, left=left(view.estimated_finish_at, now)),
        "events": timeline(view, standing.entries, course, retries=standing.retries),
        "error_groups": error_groups(view),
        "clock_at": clock_at,
        "chart": chart,
        "now": now,
        "sparks": _failure_bars(standing, seen_until),
        "seen_until": None if seen_until == now else seen_until,
        "retriable": {status: getattr(tally, status) for status in RETRIABLE},
        "can": _can(view),
        "band_words": _BAND_WORDS,
        "may_mend": may_mend,
        "spark_of": lambda error: ErrorGroup(error.status, error.http_status, error.code),
        "permanent": permanent,
        "usual": usual,
        "mendable": mendable,
        "shown": shown_text(priority_facts(view.job, tally)),
    }


def _failure_bars(standing: JobStanding, until: datetime) -> Mapping[ErrorGroup, list[Bar]]:
    job = standing.view.job
    if not standing.failures or job.started_at is None:
        return {}
    return sparklines(standing.failures, job.started_at, until)


def _can(view: JobView) -> dict[str, bool]:
    """Which moves make sense now; whether they are allowed is decided when they are made."""
    stands, tally = view.status, view.tally
    return {
        "pause": stands in ACTIVE,
        "resume": stands in {JobStatus.PAUSED, JobStatus.PAUSING, JobStatus.STOPPED},
        "cancel": not stands.is_final and stands is not JobStatus.CANCELLING,
        "priority": not stands.is_final and stands is not JobStatus.CANCELLING,
        "retry": bool(tally.failed or tally.uncertain or (tally.cancelled and stands.is_final)),
    }


_BAND_WORDS = {
    EventKind.PAUSED: "paused",
    EventKind.BRAKED: "stopped by the brake",
    EventKind.STOPPED: "stopped",
    EventKind.OUTAGE: "Graph was out",
    EventKind.UNREACHABLE: "Graph could not be reached",
}


def _usual_retry(tally: Tally, permanent: int) -> tuple[str, int]:
    """The status of the devices that a retry is offered for first, and how many of them may work."""
    for status, count in (
        ("failed", tally.failed - permanent),
        ("uncertain", tally.uncertain),
        ("cancelled", tally.cancelled),
    ):
        if count:
            return status, count
    return "failed", 0
