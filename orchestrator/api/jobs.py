"""Job routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.api.access import Admin, Operator, Viewer, WhileAdmitted
from orchestrator.api.etags import TaggedRoute, Unchanged
from orchestrator.api.idempotency import IdempotencyKey
from orchestrator.api.paging import TIME_HELP, Cursor, Limit, Words, any_case, cursor_after, read_cursor, several
from orchestrator.api.problems import created, problem_responses
from orchestrator.api.requests import PriorityRequest, ResumeRequest, RetryRequest, Why, WhyRemoved
from orchestrator.domain.action import Action
from orchestrator.domain.errors import RequestRejected, WrongStatus
from orchestrator.domain.instants import parse_instant
from orchestrator.domain.job import JobStatus
from orchestrator.domain.job_filter import WITH_FAILURES, JobFilter, Standing
from orchestrator.domain.target import RowVerdict, TargetFilter, TargetStatus
from orchestrator.http.full_ids import FullJobId
from orchestrator.http.job_sources import job_schema, job_source
from orchestrator.http.json_model import Text
from orchestrator.http.uploads import FIELDS_ROOM
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.compare_runs import Comparison, related_runs
from orchestrator.usecases.jobs.delete_job import delete_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs
from orchestrator.usecases.jobs.list_targets import list_targets
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.jobs.submit_job import preview_job, submit_job
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.views.collections import Page
from orchestrator.views.jobs import JobFacts, TargetView, job_object, target_object
from orchestrator.views.previews import PreviewFacts, bad_rows_csv, preview_object

_ROW_STATUSES = tuple(status.value for status in (*TargetStatus, *RowVerdict))
_JOB_STATUSES = (*(status.value for status in JobStatus if status is not JobStatus.RECEIVING), WITH_FAILURES)
_NO_REASON = Why()


_Reason = Annotated[Why, Body()]


def _filter(
    *,
    status: Annotated[list[Standing], Words, several(_JOB_STATUSES, "Only jobs that stand so.")] = [],  # noqa: B006 - FastAPI copies it
    action: Annotated[Action | None, any_case(Action), Query(description="Only jobs of this action.")] = None,
    tenant: Annotated[Text | None, Query(description="Only jobs of this tenant.")] = None,
    submitted_by: Annotated[
        Text | None, Query(alias="submittedBy", description="Only jobs of this person or key.")
    ] = None,
    schedule: Annotated[Text | None, Query(description="Only jobs of this schedule.")] = None,
    search: Annotated[Text | None, Query(description="Only where this is in the id, name, file or reason.")] = None,
    since: Annotated[Text | None, Query(description=f"Only jobs submitted then or later. {TIME_HELP}")] = None,
    until: Annotated[Text | None, Query(description=f"Only jobs submitted before then. {TIME_HELP}")] = None,
    app: TheApp,
) -> JobFilter:
    now = app.clock.now()
    return JobFilter(
        tuple(status),
        action,
        () if tenant is None else (tenant,),
        submitted_by,
        schedule,
        search,
        None if not since else parse_instant(since, now=now),
        None if not until else parse_instant(until, now=now),
    )


Wanted = Annotated[JobFilter, Depends(_filter)]


async def _known(app: TheApp, _: Viewer, job_id: str) -> JobView:
    """The job of the path; before a stream begins, since afterwards it is too late to say that there is none."""
    return await describe_job(app, job_id)


def job_routes(max_bytes: int) -> APIRouter:
    """Everything below /api/jobs, for uploads of at most so many bytes."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)
    _add_reading(routes)
    _add_streams(routes)
    _add_moves(routes)
    room = max_bytes + FIELDS_ROOM

    @routes.post(
        "",
        status_code=201,
        responses={**problem_responses(400, 413), **created("The job is stored.")},
        openapi_extra=job_schema(),
        max_body_size=room,
    )
    async def submit(
        request: Request, response: Response, by: Operator, parts: Parts, key: IdempotencyKey = None
    ) -> JobFacts:
        """Submit a job: devices, as a file or one of `list`, `group`, `device` and `where`, and an action."""
        async with job_source(request, parts, by, idempotency_key=key) as source:
            job = await submit_job(
                parts.app, source.request, source.stream, file_name=source.file_name, options=source.options
            )
        response.headers["Location"] = f"/api/jobs/{job.id}"
        return job_object(await describe_job(parts.app, job.id))

    return routes


def preview_routes(max_bytes: int) -> APIRouter:
    """Returns the route that judges a device list and stores nothing."""
    routes = APIRouter(prefix="/api/previews", tags=["jobs"])

    @routes.post(
        "",
        responses=problem_responses(400, 413),
        openapi_extra=job_schema(),
        max_body_size=max_bytes + FIELDS_ROOM,
    )
    async def preview(request: Request, by: Operator, parts: Parts) -> PreviewFacts:
        """Read the devices of a job and say what would be called; nothing is stored."""
        async with job_source(request, parts, by) as source:
            seen = await preview_job(
                parts.app, source.request, source.stream, file_name=source.file_name, options=source.options
            )
        return {**preview_object(seen), "notes": source.notes}

    @routes.post(
        "/bad-rows.csv",
        response_class=Response,
        responses={**problem_responses(400, 413), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
        openapi_extra=job_schema(),
        max_body_size=max_bytes + FIELDS_ROOM,
    )
    async def bad_rows_of_preview(request: Request, by: Operator, parts: Parts) -> Response:
        """The bad rows of a device list as CSV, with every candidate in columns, to be mended and submitted again."""
        async with job_source(request, parts, by) as source:
            seen = await preview_job(
                parts.app, source.request, source.stream, file_name=source.file_name, options=source.options
            )
        text = await asyncio.to_thread(bad_rows_csv, seen.report.problems, seen.report.columns)
        headers = {"Content-Disposition": 'attachment; filename="bad-rows.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return routes


def _add_reading(routes: APIRouter) -> None:
    @routes.get("", responses=problem_responses())
    async def jobs(app: TheApp, _: Viewer, wanted: Wanted, cursor: Cursor = "", limit: Limit = 50) -> Page[JobFacts]:
        """The newest jobs first, without their error groups."""
        views = await list_jobs(app, wanted=wanted, limit=limit + 1, before=read_cursor(cursor))
        more = cursor_after(views[limit - 1].job.number) if len(views) > limit else None
        return {"items": [*map(job_object, views[:limit])], "nextCursor": more}

    @routes.get(
        "/events",
        response_class=EventSourceResponse,
        responses={**problem_responses(), 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def events_of_jobs(
        parts: Parts, _: Viewer, wanted: Wanted, admitted: WhileAdmitted
    ) -> AsyncIterator[ServerSentEvent]:
        """The newest 50 jobs that fit, whole, whenever one of them has changed: events named `jobs`."""
        async for views in admitted(parts.watch.jobs(wanted, limit=50)):
            yield ServerSentEvent(event="jobs", data={"items": [job_object(view) for view in views]}, retry=_RETRY)

    @routes.get("/{job_id}", responses=problem_responses(404, 409))
    async def job(app: TheApp, _: Viewer, job_id: str) -> JobFacts:
        """One job, by its id, an unambiguous beginning of it, or `latest`."""
        return job_object(await describe_job(app, job_id))

    @routes.get("/{job_id}/comparison", responses=problem_responses(404, 409))
    async def comparison(app: TheApp, _: Viewer, job_id: str) -> Comparison:
        """How a finished run of a schedule compares with the run before it; 409 where there are no two such runs."""
        found = (await related_runs(app, await describe_job(app, job_id)))[1]
        if found is None:
            raise WrongStatus("There are no two finished runs of one schedule to compare, or they are too large.")
        return found

    @routes.get("/{job_id}/targets", responses=problem_responses(404, 409))
    async def targets(
        *,
        app: TheApp,
        _: Viewer,
        job_id: str,
        status: Annotated[list[TargetStatus], Words, several(TargetStatus, "Only targets that stand so.")] = [],  # noqa: B006 - as above
        error: Annotated[Text | None, Query(description="Only those with this error code.")] = None,
        search: Annotated[Text | None, Query(description="Only devices whose id contains it.")] = None,
        cursor: Cursor = "",
        limit: Limit = 100,
    ) -> Page[TargetView]:
        """Targets in the order of the device list."""
        wanted = TargetFilter(tuple(status), error or None, search or None)
        found = await list_targets(app, job_id, wanted, after_line=read_cursor(cursor) or 0, limit=limit + 1)
        more = cursor_after(found[limit - 1].line) if len(found) > limit else None
        return {"items": [*map(target_object, found[:limit])], "nextCursor": more}


def _add_streams(routes: APIRouter) -> None:
    @routes.get(
        "/{job_id}/events",
        response_class=EventSourceResponse,
        responses={
            **problem_responses(404, 409),
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        },
    )
    async def events_of_job(
        parts: Parts, known: Annotated[JobView, Depends(_known)], admitted: WhileAdmitted
    ) -> AsyncIterator[ServerSentEvent]:
        """The job, whole, whenever it has changed: events named `job`; the stream ends when the job has."""
        async for view in admitted(parts.watch.job(known.job.id)):
            yield ServerSentEvent(event="job", data=job_object(view), retry=_RETRY)

    @routes.get(
        "/{job_id}/report.csv",
        response_class=StreamingResponse,
        responses={**problem_responses(404, 409), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def report(
        app: TheApp,
        known: Annotated[JobView, Depends(_known)],
        status: Annotated[
            list[str],
            Words,
            several(_ROW_STATUSES, "Only rows that stand so."),
        ] = [],  # noqa: B006 - as above
    ) -> StreamingResponse:
        """The report: every row of the device list, with what became of it."""
        pieces = report_text(app, known.job.id, statuses=rows_that_are(status))
        headers = {"Content-Disposition": f'attachment; filename="muster-{known.job.id}.csv"'}
        return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


def _add_moves(routes: APIRouter) -> None:
    moving: dict[str, Any] = {"responses": problem_responses(400, 404, 409, 413)}

    @routes.post("/{job_id}/pause", **moving)
    async def pause(app: TheApp, by: Operator, job_id: FullJobId, why: _Reason = _NO_REASON) -> JobFacts:
        """Let no new call of the job leave; pausing twice is once."""
        return job_object(await pause_job(app, job_id, by=by, reason=why.reason))

    @routes.post("/{job_id}/resume", **moving)
    async def resume(
        app: TheApp,
        by: Operator,
        job_id: FullJobId,
        wanted: Annotated[ResumeRequest, Body()] = ResumeRequest(),  # noqa: B008 - FastAPI copies it
    ) -> JobFacts:
        """Go on with a job that was paused or stopped."""
        return job_object(await resume_job(app, job_id, by=by, reason=wanted.reason, rebind=wanted.rebind))

    @routes.post("/{job_id}/cancel", **moving)
    async def cancel(app: TheApp, by: Operator, job_id: FullJobId, why: _Reason = _NO_REASON) -> JobFacts:
        """End the job: devices that wait are never called."""
        return job_object(await cancel_job(app, job_id, by=by, reason=why.reason))

    @routes.post("/{job_id}/priority", **moving)
    async def priority(app: TheApp, by: Operator, job_id: FullJobId, wanted: PriorityRequest) -> JobFacts:
        """Weigh the job otherwise among the others of its lane, at once."""
        return job_object(await reprioritise_job(app, job_id, wanted.priority, by=by, reason=wanted.reason))

    @routes.delete("/{job_id}", status_code=204, responses=problem_responses(404, 409))
    async def delete(app: TheApp, by: Admin, _: Unchanged, job_id: FullJobId, reason: WhyRemoved = None) -> None:
        """Remove a job at rest with its input and its targets; its audit entries stay."""
        await delete_job(app, job_id, by=by, reason=reason or None)

    @routes.post("/{job_id}/retry", status_code=201, responses={**moving["responses"], **created()})
    async def retry(
        *,
        app: TheApp,
        by: Operator,
        response: Response,
        job_id: FullJobId,
        wanted: Annotated[RetryRequest, Body()] = RetryRequest(),  # noqa: B008 - FastAPI copies it
        key: IdempotencyKey = None,
    ) -> JobFacts:
        """A new job of the targets that did not work out."""
        made = await retry_job(
            app,
            job_id,
            statuses=wanted.status or (),
            code=wanted.error,
            search=wanted.search or None,
            lines=wanted.lines or (),
            by=by,
            reason=wanted.reason,
            idempotency_key=key,
        )
        response.headers["Location"] = f"/api/jobs/{made.id}"
        return job_object(await describe_job(app, made.id))


def rows_that_are(statuses: list[str]) -> tuple[str, ...]:
    """These statuses; RequestRejected for a word that no row of a report has."""
    for word in statuses:
        if word not in _ROW_STATUSES:
            raise RequestRejected(f"{word!r} is no status; there are {', '.join(_ROW_STATUSES)}.")
    return tuple(statuses)


_RETRY = 2000
