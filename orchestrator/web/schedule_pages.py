"""The pages of schedules: all of them, one, and the form for one, with its next runs shown as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import Recurrence, recurrence_of
from orchestrator.domain.schedule import Overlap
from orchestrator.domain.schedule_change import changed
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp, WebContext
from orchestrator.usecases.jobs.describe_jobs import standings_of
from orchestrator.usecases.lists.describe_lists import list_lists
from orchestrator.usecases.schedules.add_schedule import add_schedule
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import (
    describe_schedule,
    facts_of_view,
    list_schedules,
    preview_all,
    preview_recurrence,
    preview_schedule,
    schedule_history,
    unreadable_schedules,
)
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.usecases.schedules.schedule_json import history_object, recurrence_words, schedule_facts
from orchestrator.web.calendar import WEEKS, CalendarRun, Weeks, monday_of, weeks_of
from orchestrator.web.move_forms import said
from orchestrator.web.once import Once, new_once
from orchestrator.web.pages import Pages, go_to
from orchestrator.web.schedule_fields import (
    ChangedFields,
    Kind,
    NewFields,
    ScheduleFields,
    change_between,
    fields_from,
    fields_of,
    lists_text,
    refuse_if_changed,
)
from orchestrator.web.session import Operator, Viewer, Visitor
from orchestrator.web.shown import Shown, ShownIfAny, shown_text
from orchestrator.web.typed import Typed

_MOST_IN_CALENDAR = 3_000
"""Every quarter of an hour for four weeks, and some more."""
_MOST_OF_ONE = 4 * 7 * WEEKS
"""Beside those of all others: up to four times a day."""
_MOST_SCHEDULES = 200
_Text = Annotated[str, Form(max_length=2000)]


def schedule_pages(pages: Pages) -> APIRouter:
    """Everything below /schedules."""
    routes = APIRouter(prefix="/schedules", max_body_size=MOST_OF_A_BODY)
    _add_forms(routes, pages)
    _add_occurrences(routes, pages)
    _add_reading(routes, pages)
    _add_moves(routes)
    return routes


def _add_reading(routes: APIRouter, pages: Pages) -> None:
    @routes.get("")
    async def schedules(request: Request, app: TheApp, _: Viewer) -> Response:
        views, unreadable = await list_schedules(app), await unreadable_schedules(app)
        running = sorted((view for view in views if view.upcoming), key=lambda view: view.upcoming[0].at)
        shown = running[:_MOST_SCHEDULES]
        today = app.clock.now().date()
        # A day more: at its end it is still the day before in the west.
        end = datetime.combine(monday_of(today), time(), UTC) + timedelta(weeks=WEEKS, days=1)
        coming = await preview_all(app, shown, until=end, most=_MOST_OF_ONE)
        return pages.show(
            request,
            "schedules.html",
            views=views,
            jobs=await standings_of(app, {view.last.job for view in views if view.last and view.last.job}),
            unreadable=unreadable,
            words=recurrence_words,
            weeks=weeks_of(
                [CalendarRun(time_tag, name) for name, found in coming.items() for time_tag in found or ()], first=today
            ),
            often=[view.schedule for view in shown if coming[view.schedule.name] is None],
            shown=len(shown),
            unshown=len(running) - len(shown),
        )

    @routes.get("/{name}")
    async def schedule(request: Request, app: TheApp, _: Viewer, name: str) -> Response:
        view = await describe_schedule(app, name)
        described, past = await schedule_history(app, name, limit=50)
        return pages.show(
            request,
            "schedule.html",
            view=view,
            facts={key: value for key, value in schedule_facts(view).items() if value is not None},
            history=[history_object(time_tag, described) for time_tag in past],
            jobs=await standings_of(app, {time_tag.job for time_tag in past if time_tag.job is not None}),
            weeks=await _calendar(app, name),
            once=new_once(app),
            shown=shown_text(facts_of_view(view)),
        )


def _add_forms(routes: APIRouter, pages: Pages) -> None:
    async def form(
        request: Request, parts: WebContext, visitor: Visitor, fields: ScheduleFields, was: str | None
    ) -> Response:
        allowed = visitor.actor.grant.actions
        lists = await list_lists(parts.app)
        return pages.show(
            request,
            "schedule_form.html",
            fields=fields,
            was=was,
            lists=lists,
            lists_text=lists_text(lists),
            actions=[action for action in Action if allowed is None or action in allowed],
            overlaps=[*Overlap],
            priorities=[*Priority],
            vias=[*Via],
            tenants=[*parts.app.tenants],
            channels=[*dict.fromkeys((*parts.app.messenger.channels, *fields.notify))],
        )

    @routes.get("/new")
    async def new_schedule(request: Request, parts: Parts, visitor: Operator) -> Response:
        return await form(request, parts, visitor, ScheduleFields(tenant=parts.settings.usual_tenant), None)

    @routes.get("/{name}/change")
    async def changed_schedule(request: Request, parts: Parts, visitor: Operator, name: str) -> Response:
        fields = fields_of((await describe_schedule(parts.app, name)).schedule)
        return await form(request, parts, visitor, fields, fields.model_dump_json())

    @routes.post("")
    async def add(
        request: Request, parts: Parts, visitor: Operator, typed: Typed, fields: Annotated[NewFields, Form()]
    ) -> Response:
        new = fields.new().read(parts.settings, now=parts.app.clock.now())
        added = await add_schedule(parts.app, new, by=visitor.actor, confirm=typed, shown_list=fields.shown_list)
        return go_to(request, f"/schedules/{added.schedule.name}")

    @routes.post("/{name}/change")
    async def change(
        *,
        request: Request,
        app: TheApp,
        visitor: Operator,
        typed: Typed,
        name: str,
        fields: Annotated[ChangedFields, Form()],
    ) -> Response:
        # A form that changes nothing leads back without a message.
        if wanted := fields.change:
            was = fields_from(fields.was)
            await change_schedule(
                app,
                name,
                wanted,
                by=visitor.actor,
                confirm=typed,
                shown_list=fields.shown_list,
                refuse_if_outdated=lambda schedule: refuse_if_changed(schedule, was),
            )
        return go_to(request, f"/schedules/{name}")


def _add_occurrences(routes: APIRouter, pages: Pages) -> None:
    def show(request: Request, recurrence: Callable[[datetime], Recurrence], now: datetime) -> Response:
        try:
            found = preview_recurrence(recurrence(now), after=now, count=10)
        except RequestRejected as problem:
            return pages.show(request, "occurrences.html", occurrences=[], problem=str(problem))
        return pages.show(request, "occurrences.html", occurrences=found, problem=None)

    @routes.post("/occurrences")
    async def occurrences(
        *,
        request: Request,
        app: TheApp,
        _: Operator,
        kind: Annotated[Kind, Form()] = "cron",
        when: _Text = "",
        timezone: _Text = "UTC",
    ) -> Response:
        given = {each: when.strip() if each == kind else None for each in ("cron", "every", "at")}
        return show(request, lambda now: recurrence_of(**given, timezone=timezone.strip(), now=now), app.clock.now())

    @routes.post("/{name}/occurrences")
    async def changed_occurrences(
        *, request: Request, app: TheApp, _: Operator, name: str, fields: Annotated[ChangedFields, Form()]
    ) -> Response:
        schedule = (await describe_schedule(app, name)).schedule
        was = fields_from(fields.was)
        recurrence = {"kind": fields.kind, "when": fields.when, "timezone": fields.timezone}
        change = change_between(was, was.model_copy(update=recurrence))
        return show(request, lambda now: changed(schedule, change, now=now).recurrence, app.clock.now())


def _add_moves(routes: APIRouter) -> None:
    @routes.post("/{name}/pause")
    async def pause(app: TheApp, visitor: Operator, shown: ShownIfAny, name: str, reason: _Text = "") -> Response:
        await pause_schedule(app, name, by=visitor.actor, reason=said(reason), shown=shown)
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/resume")
    async def resume(app: TheApp, visitor: Operator, shown: Shown, name: str, reason: _Text = "") -> Response:
        await resume_schedule(app, name, by=visitor.actor, reason=said(reason), shown=shown)
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/remove")
    async def remove(app: TheApp, visitor: Operator, shown: Shown, name: str, reason: _Text = "") -> Response:
        await remove_schedule(app, name, by=visitor.actor, reason=said(reason), shown=shown)
        return RedirectResponse("/schedules", 303)

    @routes.post("/{name}/run")
    async def run(
        *, app: TheApp, visitor: Operator, typed: Typed, shown: Shown, name: str, reason: _Text = "", once: Once = ""
    ) -> Response:
        key, why = said(once), said(reason)
        job = await run_schedule(
            app, name, by=visitor.actor, reason=why, idempotency_key=key, confirm=typed, shown=shown
        )
        return RedirectResponse(f"/jobs/{job.id}", 303)


async def _calendar(app: App, name: str) -> Weeks:
    """The coming weeks of one schedule, as far as its runs can be told."""
    try:
        found = await preview_schedule(app, name, after=None, count=_MOST_IN_CALENDAR, within=timedelta(weeks=WEEKS))
    except RequestRejected:
        return []
    told_until = found[-1].local.date() if len(found) == _MOST_IN_CALENDAR else date.max
    return weeks_of([CalendarRun(each) for each in found], told_until=told_until)
