"""Schedule routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from orchestrator.api.access import Operator, Viewer
from orchestrator.api.etags import Stale, TaggedRoute, refuse_stale
from orchestrator.api.idempotency import IdempotencyKey, sent_with
from orchestrator.api.paging import Limit
from orchestrator.api.problems import created, problem_responses
from orchestrator.api.requests import Why, WhyRemoved
from orchestrator.api.schedule_requests import RecurrenceRequest, ScheduleChangeRequest, ScheduleRequest
from orchestrator.domain.errors import ScheduleUnreadable, UnknownSchedule
from orchestrator.domain.recurrence import recurrence_of
from orchestrator.domain.schedule import Schedule
from orchestrator.http.schedule_form import change_of, schedule_of
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.schedules.add_schedule import add_schedule
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import (
    describe_schedule,
    list_schedules,
    preview_recurrence,
    preview_schedule,
    schedule_history,
)
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.views.collections import Items
from orchestrator.views.jobs import JobFacts, job_object
from orchestrator.views.schedules import (
    NextOccurrence,
    PastOccurrence,
    ScheduleFacts,
    history_object,
    occurrence_object,
    schedule_object,
)

_Count = Annotated[int, Query(ge=1, le=1000, description="How many.")]
_Accept = Annotated[
    bool, Query(description="Run a selection that shrank by more than half, and let the schedule go on.")
]
_NO_REASON = Why()


async def _refuse_other(request: Request, app: TheApp, name: str) -> Callable[[Schedule], None] | None:
    """With `If-Match`: the comparison that the change makes in its transaction; Stale where the tag differs already.

    The schedule is read before its tag is compared, so that the tag is never older than the schedule.
    """
    if "if-match" not in request.headers:
        return None
    try:
        seen = (await describe_schedule(app, name)).schedule
    except (UnknownSchedule, ScheduleUnreadable):
        # The change says so itself; one that cannot be read may be removed.
        return None
    await refuse_stale(request)

    def refuse(now: Schedule) -> None:
        if now != seen:
            raise Stale

    return refuse


_Unchanged = Annotated[Callable[[Schedule], None] | None, Depends(_refuse_other)]
"""To be given to the change as `refuse_if_outdated`: of two changes with one ETag only the first counts."""
_MOVING: dict[str, Any] = {"responses": problem_responses(400, 404, 409, 413)}


def schedule_routes() -> APIRouter:
    """Everything below /api/schedules."""
    routes = APIRouter(
        prefix="/api/schedules", tags=["schedules"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY
    )
    _add_reading(routes)
    _add_moves(routes)
    return routes


def occurrence_routes() -> APIRouter:
    """Returns the route that lists the occurrences of a recurrence before a schedule has it."""
    routes = APIRouter(prefix="/api", tags=["schedules"], max_body_size=MOST_OF_A_BODY)

    @routes.post("/occurrences", responses=problem_responses(400, 413))
    @routes.post("/moments", responses=problem_responses(400, 413), deprecated=True, operation_id="moments_of_rhythm")
    async def occurrences_of_recurrence(
        app: TheApp, _: Viewer, recurrence: RecurrenceRequest, count: _Count = 10
    ) -> Items[NextOccurrence]:
        """The next runs of a recurrence, in local time and UTC, with marks for what is not as on other days."""
        now = app.clock.now()
        read = recurrence_of(**recurrence.model_dump(), now=now)
        return {"items": [*map(occurrence_object, preview_recurrence(read, after=now, count=count))]}

    return routes


def _add_reading(routes: APIRouter) -> None:
    @routes.get("", responses=problem_responses())
    async def schedules(app: TheApp, _: Viewer) -> Items[ScheduleFacts]:
        """Every schedule with its next run."""
        return {"items": [schedule_object(view) for view in await list_schedules(app)]}

    @routes.get("/{name}", responses=problem_responses(404))
    async def schedule(app: TheApp, _: Viewer, name: str) -> ScheduleFacts:
        """One schedule with its next ten occurrences."""
        return schedule_object(await describe_schedule(app, name))

    @routes.get("/{name}/occurrences", responses=problem_responses(404))
    @routes.get(
        "/{name}/moments", responses=problem_responses(404), deprecated=True, operation_id="moments_of_schedule"
    )
    async def occurrences_of_schedule(app: TheApp, _: Viewer, name: str, count: _Count = 10) -> Items[NextOccurrence]:
        """Its next runs, whether it is paused or not."""
        found = await preview_schedule(app, name, after=None, count=count)
        return {"items": [*map(occurrence_object, found)]}

    @routes.get("/{name}/history", responses=problem_responses(404))
    async def history(app: TheApp, _: Viewer, name: str, limit: Limit = 50) -> Items[PastOccurrence]:
        """Returns the past occurrences of a schedule and how each ended, newest first."""
        described, occurrences = await schedule_history(app, name, limit=limit)
        return {"items": [history_object(each, described) for each in occurrences]}


def _add_moves(routes: APIRouter) -> None:
    @routes.post("", status_code=201, responses={**problem_responses(400, 404, 409, 413), **created()})
    async def add(
        parts: Parts, by: Operator, response: Response, wanted: ScheduleRequest, key: IdempotencyKey = None
    ) -> ScheduleFacts:
        """Submit a saved list, a group, conditions or devices again and again by itself."""
        new = schedule_of(wanted.model_dump(), parts.settings, now=parts.app.clock.now())
        added = await add_schedule(parts.app, new, by=by, idempotency=sent_with(key, by, "schedule", wanted))
        response.headers["Location"] = f"/api/schedules/{added.schedule.name}"
        return schedule_object(added)

    @routes.patch("/{name}", **_MOVING)
    async def change(
        app: TheApp, by: Operator, unchanged: _Unchanged, name: str, wanted: ScheduleChangeRequest
    ) -> ScheduleFacts:
        """Change what is named, and leave all else of it as it is; a job that runs goes on as it was submitted."""
        change = change_of(wanted.model_dump(exclude_unset=True))
        return schedule_object((await change_schedule(app, name, change, by=by, refuse_if_outdated=unchanged)).view)

    @routes.post("/{name}/pause", **_MOVING)
    async def pause_the_schedule(
        app: TheApp, by: Operator, name: str, why: Annotated[Why, Body()] = _NO_REASON
    ) -> ScheduleFacts:
        """Start no further run; a job that is running continues."""
        return schedule_object(await pause_schedule(app, name, by=by, reason=why.reason))

    @routes.post("/{name}/resume", **_MOVING)
    async def resume_the_schedule(
        app: TheApp, by: Operator, name: str, why: Annotated[Why, Body()] = _NO_REASON
    ) -> ScheduleFacts:
        """Go on; occurrences that have passed are not made up for."""
        return schedule_object(await resume_schedule(app, name, by=by, reason=why.reason))

    @routes.post("/{name}/run", status_code=201, responses={**_MOVING["responses"], **created()})
    async def run_now(
        *,
        app: TheApp,
        by: Operator,
        response: Response,
        name: str,
        why: Annotated[Why, Body()] = _NO_REASON,
        key: IdempotencyKey = None,
        accept: _Accept = False,
    ) -> JobFacts:
        """A job of it now, without a window."""
        job = await run_schedule(app, name, by=by, reason=why.reason, idempotency_key=key, accept=accept)
        response.headers["Location"] = f"/api/jobs/{job.id}"
        return job_object(await describe_job(app, job.id))

    @routes.delete("/{name}", status_code=204, responses=problem_responses(404))
    async def remove(app: TheApp, by: Operator, unchanged: _Unchanged, name: str, reason: WhyRemoved = None) -> None:
        """Remove the schedule and its history; its jobs stay."""
        await remove_schedule(app, name, by=by, reason=reason or None, refuse_if_outdated=unchanged)
