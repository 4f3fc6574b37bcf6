"""The pages of schedules: all of them, one, and a new one with its next runs shown as they are typed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.action import Action
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.domain.rhythm import rhythm_of
from orchestrator.domain.schedule import Overlap
from orchestrator.serving.schedule_form import ScheduleForm
from orchestrator.serving.served import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.add_schedule import add_schedule
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_lists import list_lists
from orchestrator.usecases.describe_schedules import (
    MomentView,
    describe_schedule,
    list_schedules,
    preview_rhythm,
    preview_schedule,
    schedule_history,
)
from orchestrator.usecases.pause_schedule import pause_schedule
from orchestrator.usecases.remove_schedule import remove_schedule
from orchestrator.usecases.resume_schedule import resume_schedule
from orchestrator.usecases.run_schedule import run_schedule
from orchestrator.usecases.schedule_json import history_object, rhythm_words, schedule_facts
from orchestrator.web.move_forms import said
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator, Viewer

WEEKS = 4
_MOST_IN_CALENDAR = 500
_Text = Annotated[str, Form(max_length=2000)]


def schedule_pages(pages: Pages) -> APIRouter:
    """Everything below /schedules."""
    routes = APIRouter(prefix="/schedules", max_body_size=MOST_OF_A_BODY)
    _add_form(routes, pages)
    _add_reading(routes, pages)
    _add_moves(routes)
    return routes


def _add_reading(routes: APIRouter, pages: Pages) -> None:
    @routes.get("")
    async def schedules(request: Request, app: TheApp, _: Viewer) -> Response:
        views = await list_schedules(app)
        return pages.show(request, "schedules.html", views=views, words=rhythm_words)

    @routes.get("/{name}")
    async def schedule(request: Request, app: TheApp, _: Viewer, name: str) -> Response:
        view = await describe_schedule(app, name)
        described, past = await schedule_history(app, name, limit=50)
        return pages.show(
            request,
            "schedule.html",
            view=view,
            facts={key: value for key, value in schedule_facts(view).items() if value is not None},
            history=[history_object(moment, described) for moment in past],
            weeks=await _calendar(app, name),
        )


def _add_form(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/new")
    async def form(request: Request, parts: Parts, visitor: Operator) -> Response:
        allowed = visitor.asker.grant.actions
        return pages.show(
            request,
            "new_schedule.html",
            lists=await list_lists(parts.app),
            actions=[action for action in Action if allowed is None or action in allowed],
            overlaps=[*Overlap],
            priorities=[*Priority],
            tenants=[*parts.app.tenants],
            usual_tenant=parts.settings.usual_tenant,
            channels=[*parts.app.messenger.channels],
        )

    @routes.post("/moments")
    async def moments(
        *,
        request: Request,
        app: TheApp,
        _: Operator,
        kind: _Text = "cron",
        when: _Text = "",
        timezone: _Text = "UTC",
    ) -> Response:
        try:
            now = app.clock.now()
            found = preview_rhythm(rhythm_of(**_given(kind, when), timezone=timezone, now=now), after=now, count=10)
        except RequestRejected as problem:
            return pages.show(request, "moments.html", moments=[], problem=str(problem))
        return pages.show(request, "moments.html", moments=found, problem=None)

    @routes.post("")
    async def add(
        *,
        parts: Parts,
        visitor: Operator,
        name: _Text,
        action: Annotated[Action, Form()],
        list_name: Annotated[str, Form(alias="list", max_length=200)],
        kind: _Text = "cron",
        when: _Text = "",
        timezone: _Text = "UTC",
        tenant: _Text = "",
        priority: Annotated[Priority, Form()] = Priority.NORMAL,
        reason: _Text = "",
        start_within: _Text = "1h",
        overlap: Annotated[Overlap, Form()] = Overlap.SKIP,
        until: _Text = "",
        carry_over: Annotated[bool, Form()] = False,
        notify: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        written = ScheduleForm(
            name=name.strip(),
            action=action,
            list_name=list_name,
            **_given(kind, when),
            timezone=timezone.strip(),
            tenant=tenant or None,
            priority=priority,
            reason=said(reason),
            start_within=start_within or "1h",
            overlap=overlap,
            until=until or None,
            carry_over=carry_over,
            notify=notify or (),
        )
        now = parts.app.clock.now()
        added = await add_schedule(parts.app, written.read(parts.settings, now=now), by=visitor.asker)
        return RedirectResponse(f"/schedules/{added.schedule.name}", 303)


def _add_moves(routes: APIRouter) -> None:
    @routes.post("/{name}/pause")
    async def pause(app: TheApp, visitor: Operator, name: str, reason: _Text = "") -> Response:
        await pause_schedule(app, name, by=visitor.asker, reason=said(reason))
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/resume")
    async def resume(app: TheApp, visitor: Operator, name: str, reason: _Text = "") -> Response:
        await resume_schedule(app, name, by=visitor.asker, reason=said(reason))
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/remove")
    async def remove(app: TheApp, visitor: Operator, name: str, reason: _Text = "") -> Response:
        await remove_schedule(app, name, by=visitor.asker, reason=said(reason))
        return RedirectResponse("/schedules", 303)

    @routes.post("/{name}/run")
    async def run(app: TheApp, visitor: Operator, name: str) -> Response:
        job = await run_schedule(app, name, by=visitor.asker)
        return RedirectResponse(f"/jobs/{job.id}", 303)


def _given(kind: str, when: str) -> dict[str, Any]:
    return {each: (when.strip() or None) if each == kind else None for each in ("cron", "every", "at")}


async def _calendar(app: App, name: str) -> list[list[tuple[date, list[MomentView]]]]:
    """The coming weeks, Monday first, each day with its moments in the schedule's own time."""
    try:
        found = await preview_schedule(app, name, after=None, count=_MOST_IN_CALENDAR)
    except RequestRejected:
        return []
    if not found:
        return []
    days: dict[date, list[MomentView]] = defaultdict(list)
    for each in found:
        days[each.local.date()].append(each)
    today = _today(found[0].local)
    begin = today - timedelta(days=today.weekday())
    return [
        [(day, days.get(day, [])) for day in (begin + timedelta(weeks=week, days=step) for step in range(7))]
        for week in range(WEEKS)
    ]


def _today(first: datetime) -> date:
    """The calendar begins with the week of the next moment: before it nothing would be seen."""
    return first.date()
