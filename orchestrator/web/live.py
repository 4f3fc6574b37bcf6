"""Server-sent events: the parts of a page that move by themselves, made anew whenever what they show has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.http.admission import while_admitted
from orchestrator.http.web_context import Parts, TheApp, WebContext
from orchestrator.usecases.jobs.describe_jobs import JobView, describe_job
from orchestrator.web.job_pages import JOBS_SHOWN, Wanted, standing_facts
from orchestrator.web.pages import Pages
from orchestrator.web.session import Viewer, Visitor, visitor_of
from orchestrator.web.shared import SharedFragments

T = TypeVar("T")

_RETRY = 2000
"""Milliseconds after which a browser comes back when the service was away."""


def live_routes(pages: Pages) -> APIRouter:
    """One stream for the list of jobs, one for each job."""
    routes = APIRouter()
    shared = SharedFragments()

    @routes.get("/jobs/live", response_class=EventSourceResponse)
    async def jobs(request: Request, parts: Parts, visitor: Viewer, wanted: Wanted) -> AsyncIterator[ServerSentEvent]:
        async for views in _admitted(request, parts, parts.watch.jobs(wanted, limit=JOBS_SHOWN)):
            rows = await shared.text(("jobs", wanted, visitor.role), views, lambda: _rows(pages, parts, visitor, views))  # noqa: B023 - called at once
            yield ServerSentEvent(event="jobs", raw_data=rows, retry=_RETRY)

    @routes.get("/jobs/{job_id}/live", response_class=EventSourceResponse)
    async def job(
        request: Request, parts: Parts, visitor: Viewer, known: Annotated[JobView, Depends(_known)]
    ) -> AsyncIterator[ServerSentEvent]:
        async for view in _admitted(request, parts, parts.watch.job(known.job.id)):
            text = await shared.text((view.job.id, visitor.role), view, lambda: _standing(pages, parts, visitor, view))  # noqa: B023 - likewise
            yield ServerSentEvent(event="standing", raw_data=text, retry=_RETRY)
            if view.status.is_final:
                # The job has ended, and not only this stream: nothing will change any more.
                yield ServerSentEvent(event="end", raw_data="end")

    return routes


async def _known(app: TheApp, _: Viewer, job_id: str) -> JobView:
    return await describe_job(app, job_id)


async def _rows(pages: Pages, parts: WebContext, visitor: Visitor, views: list[JobView]) -> str:
    return _one_line(pages.text("jobs_rows.html", views=views, visitor=visitor, now=parts.app.clock.now()))


async def _standing(pages: Pages, parts: WebContext, visitor: Visitor, view: JobView) -> str:
    facts = await standing_facts(parts.app, view)
    return _one_line(pages.text("job_standing.html", visitor=visitor, **facts))


def _admitted(request: Request, parts: WebContext, values: AsyncIterator[T]) -> AsyncIterator[T]:
    async def is_signed_in() -> bool:
        return await visitor_of(request, parts) is not None

    return while_admitted(values, is_signed_in, parts.app.clock)


def _one_line(html: str) -> str:
    return " ".join(html.split())
