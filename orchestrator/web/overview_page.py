"""The first page, its live part, and the acknowledgement of what needs attention."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.confirmation import attention_facts
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts
from orchestrator.usecases.operations.describe_overview import Overview
from orchestrator.usecases.operations.list_attention import acknowledge, list_attention
from orchestrator.web.display import Display, display_of
from orchestrator.web.nights_chart import HEIGHT, draw_nights
from orchestrator.web.overview_words import place_of, sentence_of, sign_of_kind, title_and_detail, verdict
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator, Viewer
from orchestrator.web.shown import Shown, shown_text
from orchestrator.web.time_axis import draw_axis

MOST_ITEMS = 20
MOST_RUNNING = 8


def overview_routes(pages: Pages) -> APIRouter:
    """The overview, and the form on which an item is acknowledged."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)

    @routes.get("/")
    async def overview(request: Request, parts: Parts, _: Viewer) -> Response:
        display = display_of(request)
        found = await parts.watch.overviews.describe(display.clock)
        return pages.show(request, "overview.html", **overview_facts(found, display))

    @routes.get("/attention")
    async def item(
        request: Request, parts: Parts, _: Operator, item: Annotated[str, Query(max_length=300)]
    ) -> Response:
        found = [each for each in await list_attention(parts.app) if each.id == item]
        if not found:
            # Its cause is gone, or it was acknowledged meanwhile: the overview shows that.
            return RedirectResponse("/", 303)
        return pages.show(
            request,
            "attention.html",
            entry=found[0],
            sentence=sentence_of(found[0]),
            place=place_of(found[0]),
            shown=shown_text(attention_facts(found[0])),
        )

    @routes.post("/attention")
    async def accept(
        parts: Parts,
        visitor: Operator,
        shown: Shown,
        item: Annotated[str, Form(max_length=300)],
        reason: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        await acknowledge(parts.app, item, reason=reason, by=visitor.actor, shown=shown)
        return RedirectResponse("/", 303)

    return routes


def overview_facts(found: Overview, display: Display) -> dict[str, Any]:
    """Returns the template values of the overview."""
    items = found.status.attention
    return {
        "found": found,
        "now": found.now,
        "verdict": verdict(items),
        "items": items[:MOST_ITEMS],
        "more_items": max(0, len(items) - MOST_ITEMS),
        "running": found.status.running[:MOST_RUNNING],
        "more_running": max(0, len(found.status.running) - MOST_RUNNING),
        "place_of": place_of,
        "sign_of_kind": sign_of_kind,
        "sentence_of": sentence_of,
        "title_and_detail": title_and_detail,
        "several_tenants": len(found.lanes) > 1,
        "nights": draw_nights(found.nights),
        "nights_height": HEIGHT,
        "axis": draw_axis(found.plan, found.now, display.clock),
        "zone": display.clock.key,
    }
