"""Server-sent events: the parts of a page that move by themselves, made anew whenever what they show has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.http.admission import while_admitted
from orchestrator.http.web_context import Parts, TheApp, WebContext
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.describe_standing import standing_of
from orchestrator.usecases.operations.describe_overview import Overview
from orchestrator.web.display import Display, display_of
from orchestrator.web.job_filters import Asked
from orchestrator.web.job_pages import JOBS_SHOWN, job_rows_facts, standing_facts
from orchestrator.web.overview_page import overview_facts
from orchestrator.web.pages import Pages, one_line
from orchestrator.web.session import Viewer, Visitor, visitor_of
from orchestrator.web.shared import SharedFragments

T = TypeVar("T")

_RETRY = 2000
"""Milliseconds after which a browser comes back when the service was away."""


def live_routes(pages: Pages) -> APIRouter:
    """One stream for the overview, one for the list of jobs, one for each job."""
    routes = APIRouter()
    shared = SharedFragments()

    @routes.get("/live", response_class=EventSourceResponse)
    async def overview(request: Request, parts: Parts, visitor: Viewer) -> AsyncIterator[ServerSentEvent]:
        display = display_of(request)
        async for found in _admitted(request, parts, parts.watch.overview(display.clock)):
            key = ("overview", display.clock.key, visitor.role)
            text = await shared.text(key, found, lambda: _overview(pages, visitor, found, display))  # noqa: B023 - called at once
            yield ServerSentEvent(event="overview", raw_data=text, retry=_RETRY)

    @routes.get("/jobs/live", response_class=EventSourceResponse)
    async def jobs(request: Request, parts: Parts, visitor: Viewer, asked: Asked) -> AsyncIterator[ServerSentEvent]:
        display = display_of(request)
        key = ("jobs", asked.wanted, visitor.role, display.clock.key)
        async for views in _admitted(request, parts, parts.watch.jobs(asked.wanted, limit=JOBS_SHOWN)):
            rows = await shared.text(key, views, lambda: _rows(pages, parts, visitor, views, display))  # noqa: B023 - called at once
            yield ServerSentEvent(event="jobs", raw_data=rows, retry=_RETRY)

    @routes.get("/jobs/{job_id}/live", response_class=EventSourceResponse)
    async def job(
        request: Request, parts: Parts, visitor: Viewer, known: Annotated[JobView, Depends(_known)]
    ) -> AsyncIterator[ServerSentEvent]:
        display = display_of(request)
        key = (known.job.id, visitor.role, display.clock.key)
        async for view in _admitted(request, parts, parts.watch.job(known.job.id)):
            text = await shared.text(key, view, lambda: _standing(pages, parts, visitor, view, display))  # noqa: B023 - likewise
            yield ServerSentEvent(event="standing", raw_data=text, retry=_RETRY)
            if view.status.is_final:
                # The job has ended, and not only this stream: nothing will change any more.
                yield ServerSentEvent(event="end", raw_data="end")

    return routes


async def _known(app: TheApp, _: Viewer, job_id: str) -> JobView:
    return await describe_job(app, job_id)


async def _overview(pages: Pages, visitor: Visitor, found: Overview, display: Display) -> str:
    return one_line(pages.text("overview_live.html", visitor=visitor, is_live=True, **overview_facts(found, display)))


async def _rows(pages: Pages, parts: WebContext, visitor: Visitor, views: list[JobView], display: Display) -> str:
    urgent = await parts.watch.overviews.urgent_jobs()
    facts = job_rows_facts(parts, views, urgent, display)
    return one_line(pages.text("jobs_rows.html", visitor=visitor, live_urgent=len(urgent), **facts))


async def _standing(pages: Pages, parts: WebContext, visitor: Visitor, view: JobView, display: Display) -> str:
    facts = standing_facts(parts.app, await standing_of(parts.app, view), display)
    return one_line(pages.text("job_standing.html", visitor=visitor, **facts))


def _admitted(request: Request, parts: WebContext, values: AsyncIterator[T]) -> AsyncIterator[T]:
    async def is_signed_in() -> bool:
        return await visitor_of(request, parts) is not None

    return while_admitted(values, is_signed_in, parts.app.clock)
