"""The forms that steer a job: each does one thing and leads back to the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.domain.target import TargetStatus
from orchestrator.http.full_ids import FullJobId
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry, retry_job
from orchestrator.web.form_fields import Once, Reason, new_once, text_or_none
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator
from orchestrator.web.shown import Shown, ShownIfAny
from orchestrator.web.typed import Typed

MOST_SELECTED = 200
"""Rows of a page that can be selected at once."""


def move_routes(pages: Pages) -> APIRouter:
    """Pause, resume, cancel, priority and retry."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)
    _add_moves(routes)
    _add_retry_questions(routes, pages)
    _add_retry(routes)
    return routes


def _add_moves(routes: APIRouter) -> None:
    @routes.post("/jobs/{job_id}/pause")
    async def pause(
        app: TheApp, visitor: Operator, shown: ShownIfAny, job_id: FullJobId, reason: Reason
    ) -> RedirectResponse:
        return _to(await pause_job(app, job_id, by=visitor.actor, reason=reason, shown=shown))

    @routes.post("/jobs/{job_id}/resume")
    async def resume(
        *, app: TheApp, visitor: Operator, typed: Typed, shown: Shown, job_id: FullJobId, reason: Reason
    ) -> RedirectResponse:
        return _to(await resume_job(app, job_id, by=visitor.actor, reason=reason, confirm=typed, shown=shown))

    @routes.post("/jobs/{job_id}/cancel")
    async def cancel(
        app: TheApp, visitor: Operator, shown: Shown, job_id: FullJobId, reason: Reason
    ) -> RedirectResponse:
        return _to(await cancel_job(app, job_id, by=visitor.actor, reason=reason, shown=shown))

    @routes.post("/jobs/{job_id}/priority")
    async def priority(
        *,
        app: TheApp,
        visitor: Operator,
        shown: Shown,
        job_id: FullJobId,
        priority: Annotated[Priority, Form()],
        reason: Reason,
    ) -> RedirectResponse:
        return _to(await reprioritise_job(app, job_id, priority, by=visitor.actor, reason=reason, shown=shown))


def _add_retry_questions(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/jobs/{job_id}/selected")
    async def selected(
        request: Request,
        app: TheApp,
        _: Operator,
        job_id: FullJobId,
        line: Annotated[list[int] | None, Query(max_length=MOST_SELECTED)] = None,
    ) -> Response:
        """Asks about a retry of the selected devices, and says which of them it leaves out."""
        if not line:
            raise RequestRejected("Select a device first: none was selected.")
        statuses = frozenset({TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED})
        wish = RetryWish(statuses, permanent=False, lines=frozenset(line))
        retry = await preview_retry(app, job_id, wish)
        shown = {"retry": retry, "lines": line, "statuses": sorted(statuses), "once": new_once(app)}
        return pages.show(request, "job_selected.html", status=200, **shown)

    @routes.post("/jobs/{job_id}/retry/count")
    async def count(
        *,
        request: Request,
        app: TheApp,
        _: Operator,
        job_id: FullJobId,
        status: Annotated[list[TargetStatus] | None, Form()] = None,
        permanent: Annotated[bool, Form()] = False,
        error: Annotated[str, Form(max_length=200)] = "",
        search: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """How many devices the form would retry as it is filled in now."""
        wish = RetryWish(frozenset(status or ()), error or None, text_or_none(search), permanent=permanent)
        preview = await preview_retry(app, job_id, wish) if status else None
        return pages.show(request, "retry_count.html", retry=preview)


def _add_retry(routes: APIRouter) -> None:
    @routes.post("/jobs/{job_id}/retry")
    async def retry(
        *,
        app: TheApp,
        visitor: Operator,
        typed: Typed,
        job_id: FullJobId,
        status: Annotated[list[TargetStatus], Form()],
        shown: Shown,
        permanent: Annotated[bool, Form()] = False,
        error: Annotated[str, Form(max_length=200)] = "",
        search: Annotated[str, Form(max_length=200)] = "",
        line: Annotated[list[int] | None, Form(max_length=MOST_SELECTED)] = None,
        reason: Reason,
        once: Once,
    ) -> RedirectResponse:
        made = await retry_job(
            app,
            job_id,
            statuses=status,
            code=error or None,
            search=text_or_none(search),
            permanent=permanent,
            lines=line or (),
            by=visitor.actor,
            reason=reason,
            idempotency_key=once,
            confirm=typed,
            shown=shown,
        )
        return RedirectResponse(f"/jobs/{made.id}", 303)


def _to(view: JobView) -> RedirectResponse:
    return RedirectResponse(f"/jobs/{view.job.id}", 303)
