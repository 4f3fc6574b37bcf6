"""Blackouts on a page: all of them, and the plain forms that add, change and remove one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from orchestrator.domain.blackout import Blackout, parse_blackout
from orchestrator.domain.confirmation import blackout_facts
from orchestrator.domain.errors import RequestRejected
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.schedules.change_blackouts import (
    BlackoutView,
    add_blackouts,
    change_blackout,
    list_blackouts,
    remove_blackout,
)
from orchestrator.usecases.schedules.describe_schedules import list_schedules
from orchestrator.web.display import display_of
from orchestrator.web.formatting import time_tag
from orchestrator.web.pages import Pages
from orchestrator.web.schedule_fields import Written
from orchestrator.web.session import Operator, Viewer
from orchestrator.web.shown import Shown, shown_text


class BlackoutFields(BaseModel):
    """The fields of the form: a day or a time on each side, and `holds_for` as "", "tenant:NAME" or "schedule:NAME"."""

    starts: Written = ""
    ends: Written = ""
    reason: Written = ""
    holds_for: Written = ""

    @property
    def blackout(self) -> Blackout:
        """The blackout that they ask for; ScheduleInvalid says what is wrong with it."""
        if not self.starts:
            raise RequestRejected("Say when the blackout begins: a day, or a day and a time.")
        return parse_blackout(f"{self.starts}..{self.ends or self.starts}", self.reason or None)


def blackout_pages(pages: Pages) -> APIRouter:
    """Everything below /blackouts."""
    routes = APIRouter(prefix="/blackouts", max_body_size=MOST_OF_A_BODY)

    @routes.get("")
    async def blackouts(request: Request, app: TheApp, _: Viewer) -> Response:
        found = sorted(await list_blackouts(app), key=lambda each: each.blackout.starts.replace(tzinfo=None))
        return pages.show(
            request,
            "blackouts.html",
            views=[
                (view, *_as_written(view.blackout), *as_read(view.blackout), shown_text(blackout_facts(view.blackout)))
                for view in found
            ],
            today=app.clock.now().astimezone(display_of(request).clock).date(),
            tenants=sorted(app.tenants),
            schedules=[view.schedule.name for view in await list_schedules(app)],
            is_over=lambda view: _is_over(view, app.clock.now()),
        )

    @routes.post("")
    async def add(app: TheApp, visitor: Operator, fields: Annotated[BlackoutFields, Form()]) -> Response:
        kind, _, name = fields.holds_for.partition(":")
        schedule, tenant = (name if kind == each else None for each in ("schedule", "tenant"))
        await add_blackouts(app, [fields.blackout], schedule=schedule, tenant=tenant, by=visitor.actor)
        return RedirectResponse("/blackouts", 303)

    @routes.post("/{number}/change")
    async def change(
        app: TheApp, visitor: Operator, shown: Shown, number: int, fields: Annotated[BlackoutFields, Form()]
    ) -> Response:
        await change_blackout(app, number, fields.blackout, by=visitor.actor, shown=shown)
        return RedirectResponse("/blackouts", 303)

    @routes.post("/{number}/remove")
    async def remove(app: TheApp, visitor: Operator, shown: Shown, number: int) -> Response:
        await remove_blackout(app, number, by=visitor.actor, shown=shown)
        return RedirectResponse("/blackouts", 303)

    return routes


def as_read(blackout: Blackout) -> tuple[str, str]:
    """Its bounds in a table: whole days as days, instants by the reader's clock, local times as they are."""
    first, last = blackout.starts, _last_day(blackout)
    if last is not None:
        return _day(first), _day(last)
    if first.tzinfo is not None:
        return time_tag(first), time_tag(blackout.ends)
    return f"{_day(first)}, {first:%H:%M}", f"{_day(blackout.ends)}, {blackout.ends:%H:%M}"


def _as_written(blackout: Blackout) -> tuple[str, str]:
    """Its bounds as the form takes them: whole days as days, of which the last one counts."""
    last = _last_day(blackout)
    if last is not None:
        return f"{blackout.starts:%Y-%m-%d}", f"{last:%Y-%m-%d}"
    return blackout.starts.isoformat(timespec="minutes"), blackout.ends.isoformat(timespec="minutes")


def _last_day(blackout: Blackout) -> datetime | None:
    """The last day of a blackout of whole local days; None for any other."""
    starts, ends = blackout.starts, blackout.ends
    midnight = starts.replace(hour=0, minute=0, second=0, microsecond=0)
    is_whole = starts == midnight and ends.time() == starts.time() and starts.tzinfo is None
    return ends - timedelta(days=1) if is_whole else None


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _is_over(view: BlackoutView, now: datetime) -> bool:
    ends = view.blackout.ends
    return ends < (now if ends.tzinfo else now.replace(tzinfo=None))
