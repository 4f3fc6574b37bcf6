"""The pages that show jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from orchestrator.app import App
from orchestrator.domain.access import Role
from orchestrator.domain.action import Action, parse_action
from orchestrator.domain.confirmation import priority_facts
from orchestrator.domain.course import EventKind
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import JobStatus, Priority, Tally
from orchestrator.domain.job_filter import WITH_FAILURES, JobFilter, Standing
from orchestrator.domain.mending import may_mend
from orchestrator.domain.target import RowVerdict, TargetFacts, TargetStatus
from orchestrator.http.web_context import Parts, TheApp, WebContext
from orchestrator.usecases.access.read_audit import audit_entries_on
from orchestrator.usecases.jobs.describe_jobs import JobView, describe_job, list_jobs, list_targets
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry
from orchestrator.usecases.jobs.sample_progress import course_of
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.web.chart import draw
from orchestrator.web.once import new_once
from orchestrator.web.pages import After, Before, Pages, is_fragment, query
from orchestrator.web.session import Viewer, Visitor
from orchestrator.web.shown import shown_text

JOBS_SHOWN = 25
TARGETS_SHOWN = 50

_RETRIABLE = ("failed", "uncertain", "cancelled", "waiting")
_SHOWN_STATUSES = tuple(status for status in JobStatus if status is not JobStatus.RECEIVING)


def wanted_jobs(
    *,
    status: str = "",
    action: str = "",
    tenant: Annotated[str, Query(max_length=200)] = "",
    who: Annotated[str, Query(max_length=200)] = "",
    schedule: Annotated[str, Query(max_length=200)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
) -> JobFilter:
    """What the fields above the list say; what makes no sense is as good as empty."""
    statuses: tuple[Standing, ...] = ()
    if status == WITH_FAILURES:
        statuses = (WITH_FAILURES,)
    elif status in {*_SHOWN_STATUSES}:
        statuses = (JobStatus(status),)
    return JobFilter(
        statuses,
        parse_action(action),
        tenant or None,
        who.strip() or None,
        schedule or None,
        search.replace("\x00", "").strip() or None,
    )


Wanted = Annotated[JobFilter, Depends(wanted_jobs)]


def fields_of(wanted: JobFilter) -> dict[str, Any]:
    """And back: the filter as the fields of a form."""
    return {
        "status": str(wanted.statuses[0]) if wanted.statuses else "",
        "action": wanted.action.value if wanted.action else "",
        "tenant": wanted.tenant or "",
        "who": wanted.submitted_by or "",
        "schedule": wanted.schedule or "",
        "search": wanted.text or "",
    }


def job_pages(pages: Pages) -> APIRouter:
    """The list of jobs, one job, and its targets."""
    routes = APIRouter()

    @routes.get("/")
    async def home() -> Response:
        return RedirectResponse("/jobs", 303)

    @routes.get("/jobs")
    async def jobs(request: Request, parts: Parts, _: Viewer, wanted: Wanted, before: Before = None) -> Response:
        views = await list_jobs(parts.app, wanted=wanted, limit=JOBS_SHOWN + 1, before=before)
        fields = fields_of(wanted)
        older = query(**fields, before=views[JOBS_SHOWN - 1].job.number) if len(views) > JOBS_SHOWN else None
        return pages.show(
            request,
            "jobs_list.html" if is_fragment(request) else "jobs.html",
            views=views[:JOBS_SHOWN],
            fields=fields,
            live=f"/jobs/live{query(**fields)}" if before is None else None,
            older=older,
            is_first=before is None,
            statuses=[
                *((status.value, status.value) for status in _SHOWN_STATUSES),
                (WITH_FAILURES, "finished with failures"),
            ],
            actions=[action.value for action in Action],
            tenants=[*parts.app.tenants],
            now=parts.app.clock.now(),
        )

    @routes.get("/jobs/{job_id}")
    async def job(request: Request, parts: Parts, visitor: Viewer, job_id: str) -> Response:
        view = await describe_job(parts.app, job_id)
        if view.job.id != job_id:
            return RedirectResponse(f"/jobs/{view.job.id}", 303)
        facts = await standing_facts(parts.app, view)
        targets = await _targets(parts, visitor, view)
        audit_entries = await audit_entries_on(parts.app, view.job.id)
        return pages.show(
            request,
            "job.html",
            **facts,
            **targets,
            audit_entries=audit_entries,
            priorities=[*Priority],
            once=new_once(parts.app),
            retry=await preview_retry(parts.app, view.job.id, RetryWish(frozenset({TargetStatus(facts["usual"])}))),
        )

    @routes.get("/jobs/{job_id}/targets")
    async def targets(
        *,
        request: Request,
        parts: Parts,
        visitor: Viewer,
        job_id: str,
        status: str = "",
        error: Annotated[str, Query(max_length=200)] = "",
        search: Annotated[str, Query(max_length=200)] = "",
        after: After = 0,
    ) -> Response:
        view = await describe_job(parts.app, job_id)
        found = await _targets(parts, visitor, view, status=status, error=error, search=search, after=after)
        if not is_fragment(request):
            # A page without the dialog of a retry.
            return pages.show(request, "targets_page.html", view=view, **{**found, "retries": ""})
        return pages.show(request, "targets.html", view=view, **found)

    @routes.get("/jobs/{job_id}/report.csv")
    async def report(
        *,
        app: TheApp,
        _: Viewer,
        job_id: str,
        status: str = "",
        permanent: bool = False,
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        view = await describe_job(app, job_id)
        statuses = tuple(word for word in status.split(",") if word)
        if not set(statuses) <= {each.value for each in (*TargetStatus, *RowVerdict)}:
            raise RequestRejected(f"{status!r} is no status of a row.")
        return StreamingResponse(
            report_text(app, view.job.id, statuses=statuses, keep=_kept(error, permanent=permanent)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="muster-{view.job.id}.csv"'},
        )

    return routes


def _kept(error: str, *, permanent: bool) -> Callable[[TargetFacts], bool] | None:
    """Which targets a report is narrowed to; None where all of them are in it."""
    if not error and not permanent:
        return None

    def keep(target: TargetFacts) -> bool:
        if error and (target.error_code or "").casefold() != error.casefold():
            return False
        return not permanent or not may_mend(target.status, target.http_status)

    return keep


async def standing_facts(app: App, view: JobView) -> dict[str, Any]:
    """What the part of a job's page shows that moves by itself."""
    course = await course_of(app, view.job.id)
    tally = view.tally
    permanent = sum(each.count for each in view.errors if not may_mend(each.status, each.http_status))
    usual, mendable = _usual_retry(tally, permanent)
    return {
        "view": view,
        "job": view.job,
        "tally": tally,
        "chart": draw(course.samples, spans=course.spans, is_at_rest=course.is_at_rest),
        "now": app.clock.now(),
        "retriable": {status: getattr(tally, status) for status in _RETRIABLE},
        "can": _can(view),
        "band_words": _BAND_WORDS,
        "may_mend": may_mend,
        "permanent": permanent,
        "usual": usual,
        "mendable": mendable,
        "shown": shown_text(priority_facts(view.job, tally)),
    }


def _can(view: JobView) -> dict[str, bool]:
    """Which moves make sense now; whether they are allowed is decided when they are made."""
    stands, tally = view.status, view.tally
    return {
        "pause": stands in {JobStatus.QUEUED, JobStatus.RUNNING},
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


def _retried(status: str) -> str:
    """What of the devices that are shown a retry takes: where any status is, all that has ended without success."""
    if not status:
        return ",".join(_RETRIABLE[:3])
    return status if status in _RETRIABLE else ""


async def _targets(
    parts: WebContext,
    visitor: Visitor,
    view: JobView,
    *,
    status: str = "",
    error: str = "",
    search: str = "",
    after: int = 0,
) -> dict[str, Any]:
    statuses = (TargetStatus(status),) if status in {*TargetStatus} else ()
    text = search.replace("\x00", "").strip()
    found = await list_targets(
        parts.app,
        view.job.id,
        statuses=statuses,
        code=error or None,
        search=text or None,
        after_line=after,
        limit=TARGETS_SHOWN + 1,
    )
    wanted = {"status": status if statuses else "", "error": error, "search": text}
    more = query(**wanted, after=found[TARGETS_SHOWN - 1].line) if len(found) > TARGETS_SHOWN else None
    is_narrowed = after == 0 and any(wanted.values())
    return {
        "targets": found[:TARGETS_SHOWN],
        "retries": _retried(wanted["status"]) if is_narrowed and visitor.may(Role.OPERATOR) else "",
        "wanted": wanted,
        "more": more,
        "target_statuses": [each.value for each in TargetStatus],
        "after": after,
        "codes": sorted({group.code for group in view.errors}),
    }
