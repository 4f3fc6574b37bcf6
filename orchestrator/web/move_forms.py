"""The forms that steer a job: each does one thing and leads back to the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from orchestrator.domain.job import Priority
from orchestrator.domain.plain_text import plain_text
from orchestrator.domain.target import TargetStatus
from orchestrator.serving.served import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.cancel_job import cancel_job
from orchestrator.usecases.describe_jobs import JobView
from orchestrator.usecases.pause_job import pause_job
from orchestrator.usecases.reprioritise_job import reprioritise_job
from orchestrator.usecases.resume_job import resume_job
from orchestrator.usecases.retry_job import retry_job
from orchestrator.web.once import Once
from orchestrator.web.session import Operator
from orchestrator.web.typed import Typed

_Reason = Annotated[str, Form(max_length=2000)]


def move_routes() -> APIRouter:
    """Pause, resume, cancel, priority and retry."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)

    @routes.post("/jobs/{job_id}/pause")
    async def pause(app: TheApp, visitor: Operator, job_id: str, reason: _Reason = "") -> RedirectResponse:
        return _to(await pause_job(app, job_id, by=visitor.asker, reason=said(reason)))

    @routes.post("/jobs/{job_id}/resume")
    async def resume(
        app: TheApp, visitor: Operator, typed: Typed, job_id: str, reason: _Reason = ""
    ) -> RedirectResponse:
        return _to(await resume_job(app, job_id, by=visitor.asker, reason=said(reason), confirm=typed))

    @routes.post("/jobs/{job_id}/cancel")
    async def cancel(app: TheApp, visitor: Operator, job_id: str, reason: _Reason = "") -> RedirectResponse:
        return _to(await cancel_job(app, job_id, by=visitor.asker, reason=said(reason)))

    @routes.post("/jobs/{job_id}/priority")
    async def priority(
        app: TheApp, visitor: Operator, job_id: str, priority: Annotated[Priority, Form()], reason: _Reason = ""
    ) -> RedirectResponse:
        return _to(await reprioritise_job(app, job_id, priority, by=visitor.asker, reason=said(reason)))

    @routes.post("/jobs/{job_id}/retry")
    async def retry(
        *,
        app: TheApp,
        visitor: Operator,
        typed: Typed,
        job_id: str,
        status: Annotated[list[TargetStatus], Form()],
        error: Annotated[str, Form(max_length=200)] = "",
        search: Annotated[str, Form(max_length=200)] = "",
        reason: _Reason = "",
        once: Once = "",
    ) -> RedirectResponse:
        made = await retry_job(
            app,
            job_id,
            statuses=status,
            code=error or None,
            search=said(search),
            by=visitor.asker,
            reason=said(reason),
            idempotency_key=said(once),
            confirm=typed,
        )
        return RedirectResponse(f"/jobs/{made.id}", 303)

    return routes


def said(reason: str) -> str | None:
    """What was written, on one line, or None; ControlCharacter for a character that does not belong there."""
    return plain_text(reason.replace("\x00", "").strip()) or None


def _to(view: JobView) -> RedirectResponse:
    return RedirectResponse(f"/jobs/{view.job.id}", 303)
