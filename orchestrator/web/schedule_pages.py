"""The pages of schedules: all of them, one, and the form for one, with its next runs shown as they are typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.app import App
from orchestrator.domain.errors import RequestRejected, UnknownList
from orchestrator.domain.recurrence import Recurrence, recurrence_of
from orchestrator.domain.recurrence_words import chosen_times
from orchestrator.domain.schedule import Schedule, ScheduleStatus
from orchestrator.domain.schedule_change import changed
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp, WebContext
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.jobs.describe_jobs import standings_of
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists
from orchestrator.usecases.schedules.add_schedule import add_schedule
from orchestrator.usecases.schedules.change_blackouts import list_blackouts
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import (
    OccurrenceView,
    ScheduleView,
    describe_schedule,
    facts_of_view,
    list_schedules,
    preview_all,
    preview_recurrence,
    preview_schedule,
    schedule_history,
    unreadable_schedules,
)
from orchestrator.usecases.schedules.past_runs import PastRun, past_runs
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.views.schedule_words import schedule_words
from orchestrator.views.schedules import history_object
from orchestrator.web import calendar_runs
from orchestrator.web.calendar import WEEKS, Frame, frame_of, weeks_of
from orchestrator.web.display import display_of
from orchestrator.web.form_fields import Once, Reason, new_once
from orchestrator.web.pages import Pages, go_to
from orchestrator.web.schedule_fields import (
    ChangedChoices,
    ChangedFields,
    Choices,
    NewFields,
    ScheduleFields,
    change_between,
    fields_from,
    fields_of,
    form_options,
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
_STRIP_OF = timedelta(days=21)
"""How far back the strips of last runs reach."""
_HISTORY = 50


def schedule_pages(pages: Pages) -> APIRouter:
    """Everything below /schedules."""
    routes = APIRouter(prefix="/schedules", max_body_size=MOST_OF_A_BODY)
    _add_forms(routes, pages)
    _add_changes(routes)
    _add_occurrences(routes, pages)
    _add_reading(routes, pages)
    _add_moves(routes)
    return routes


def _add_reading(routes: APIRouter, pages: Pages) -> None:
    @routes.get("")
    async def schedules(request: Request, app: TheApp, _: Viewer, at: date | None = None) -> Response:
        now, display = app.clock.now(), display_of(request)
        views, unreadable = await list_schedules(app), await unreadable_schedules(app)
        running = sorted((view for view in views if view.upcoming), key=lambda view: view.upcoming[0].at)
        shown = running[:_MOST_SCHEDULES]
        frame = frame_of(now, display.clock, at)
        begin, end = frame.moments
        coming = await preview_all(app, shown, until=end, most=_MOST_OF_ONE)
        past = await past_runs(app, min(begin, now - _STRIP_OF), now)
        names: dict[int, str] = {view.schedule.number: view.schedule.name for view in views}
        runs = [
            *calendar_runs.past((run for run in past if run.occurrence.at >= begin), names),
            *(run for name, found in coming.items() for run in calendar_runs.planned(found or (), name)),
        ]
        blackouts = await list_blackouts(app)
        return pages.show(
            request,
            "schedules.html",
            views=views,
            now=now,
            last_runs=_last_runs(past, names),
            unreadable=unreadable,
            frame=frame,
            step=timedelta(weeks=frame.weeks),
            weeks=weeks_of(runs, frame, blackouts=[each.blackout for each in blackouts if each.schedule is None]),
            blackouts=len(blackouts),
            often=[view.schedule for view in shown if coming[view.schedule.name] is None],
            shown=len(shown),
            unshown=len(running) - len(shown),
        )

    @routes.get("/{name}")
    async def schedule(
        request: Request, app: TheApp, _: Viewer, name: str, at: date | None = None, before: datetime | None = None
    ) -> Response:
        view = await describe_schedule(app, name)
        described, past = await schedule_history(app, name, limit=_HISTORY, before=before)
        return pages.show(
            request,
            "schedule.html",
            view=view,
            facts={key: value for key, value in schedule_words(view).items() if value is not None},
            history=[(each, history_object(each, described)) for each in past],
            newest=before is None,
            older=past[-1].at if len(past) == _HISTORY else None,
            jobs=await standings_of(app, {each.job for each in past if each.job is not None}),
            versions=await _selections(app, described),
            **await _calendar(app, view, frame_of(app.clock.now(), display_of(request).clock, at)),
            once=new_once(app),
            shown=shown_text(facts_of_view(view)),
        )


def _add_forms(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/new")
    async def new_schedule(request: Request, parts: Parts, visitor: Operator) -> Response:
        fields = ScheduleFields.model_validate({"tenant": parts.settings.usual_tenant})
        return await _form(pages, request, parts, visitor, fields, was=None)

    @routes.get("/{name}/change")
    async def changed_schedule(request: Request, parts: Parts, visitor: Operator, name: str) -> Response:
        fields = fields_of((await describe_schedule(parts.app, name)).schedule)
        return await _form(pages, request, parts, visitor, fields, was=fields.model_dump_json())


def _add_changes(routes: APIRouter) -> None:
    @routes.post("")
    async def add(
        request: Request, parts: Parts, visitor: Operator, typed: Typed, fields: Annotated[NewFields, Form()]
    ) -> Response:
        new = fields.new(parts.settings, now=parts.app.clock.now())
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


async def _form(
    pages: Pages, request: Request, parts: WebContext, visitor: Visitor, fields: ScheduleFields, *, was: str | None
) -> Response:
    lists = await list_lists(parts.app)
    return pages.show(
        request,
        "schedule_form.html",
        fields=fields,
        was=was,
        lists=lists,
        lists_text=lists_text(lists),
        actions=visitor.actor.grant.allowed_actions,
        **form_options(),
        choice=chosen_times(fields.when) if fields.kind == "cron" else None,
        tenants=[*parts.app.tenants],
        channels=[*dict.fromkeys((*parts.app.messenger.channels, *fields.notify))],
    )


def _add_occurrences(routes: APIRouter, pages: Pages) -> None:
    def show(request: Request, recurrence: Callable[[datetime], Recurrence], now: datetime) -> Response:
        found, wanted, problem = [], None, None
        try:
            wanted = recurrence(now)
            found = preview_recurrence(wanted, after=now, count=10)
        except RequestRejected as rejected:
            problem = str(rejected)
        return pages.show(
            request, "occurrences.html", occurrences=found, recurrence=wanted, problem=problem, reader=None
        )

    @routes.post("/occurrences")
    async def occurrences(request: Request, app: TheApp, _: Operator, chosen: Annotated[Choices, Form()]) -> Response:
        def recurrence(now: datetime) -> Recurrence:
            wanted = chosen.recurrence
            given = {each: wanted["when"] if each == wanted["kind"] else None for each in ("cron", "every", "at")}
            return recurrence_of(**given, timezone=chosen.timezone, now=now)

        return show(request, recurrence, app.clock.now())

    @routes.post("/{name}/occurrences")
    async def changed_occurrences(
        *, request: Request, app: TheApp, _: Operator, name: str, chosen: Annotated[ChangedChoices, Form()]
    ) -> Response:
        schedule = (await describe_schedule(app, name)).schedule
        was = fields_from(chosen.was)

        def recurrence(now: datetime) -> Recurrence:
            wanted = was.model_copy(update={**chosen.recurrence, "timezone": chosen.timezone})
            return changed(schedule, change_between(was, wanted), now=now).recurrence

        return show(request, recurrence, app.clock.now())


def _add_moves(routes: APIRouter) -> None:
    @routes.post("/{name}/pause")
    async def pause(app: TheApp, visitor: Operator, shown: ShownIfAny, name: str, reason: Reason) -> Response:
        await pause_schedule(app, name, by=visitor.actor, reason=reason, shown=shown)
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/resume")
    async def resume(app: TheApp, visitor: Operator, shown: Shown, name: str, reason: Reason) -> Response:
        await resume_schedule(app, name, by=visitor.actor, reason=reason, shown=shown)
        return RedirectResponse(f"/schedules/{name}", 303)

    @routes.post("/{name}/remove")
    async def remove(app: TheApp, visitor: Operator, shown: Shown, name: str, reason: Reason) -> Response:
        await remove_schedule(app, name, by=visitor.actor, reason=reason, shown=shown)
        return RedirectResponse("/schedules", 303)

    @routes.post("/{name}/run")
    async def run(
        *, app: TheApp, visitor: Operator, typed: Typed, shown: Shown, name: str, reason: Reason, once: Once
    ) -> Response:
        job = await run_schedule(
            app, name, by=visitor.actor, reason=reason, idempotency_key=once, confirm=typed, shown=shown
        )
        return RedirectResponse(f"/jobs/{job.id}", 303)


async def _calendar(app: App, view: ScheduleView, frame: Frame) -> dict[str, Any]:
    """The weeks of one schedule: its past runs, and the coming ones as far as they are known."""
    now, schedule = app.clock.now(), view.schedule
    begin, end = frame.moments
    coming: list[OccurrenceView] = []
    if schedule.status is ScheduleStatus.ACTIVE:
        with suppress(RequestRejected):
            coming = await preview_schedule(app, schedule.name, after=max(now, begin), count=_MOST_IN_CALENDAR)
    told_until = coming[-1].at.astimezone(frame.zone).date() if len(coming) == _MOST_IN_CALENDAR else date.max
    runs = [
        *calendar_runs.past(await past_runs(app, begin, min(end, now), schedule=schedule.number), {}),
        *calendar_runs.planned(each for each in coming if each.at < end),
    ]
    weeks = weeks_of(runs, frame, told_until=told_until, blackouts=view.blackouts)
    return {"weeks": weeks, "frame": frame, "step": timedelta(weeks=frame.weeks)}


async def _selections(app: App, schedule: Schedule) -> dict[int, ListVersion]:
    """The versions that the selection of a schedule came to, by their numbers; none for a saved list."""
    if schedule.order.source is None:
        return {}
    with suppress(UnknownList):
        return {each.version: each for each in (await describe_list(app, schedule.order.list_name)).versions}
    return {}


def _last_runs(past: Sequence[PastRun], names: Mapping[int, str]) -> dict[str, list[PastRun]]:
    """The runs of each schedule by its name, newest first."""
    found: dict[str, list[PastRun]] = {name: [] for name in names.values()}
    for run in past:
        if run.occurrence.schedule in names:
            found[names[run.occurrence.schedule]].append(run)
    return found
