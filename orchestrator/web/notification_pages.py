"""The channels without their addresses, a test of each, and the sent notifications."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from orchestrator.domain.errors import UnknownChannel
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, WebContext
from orchestrator.usecases.operations.try_channel import Tried, list_notices, try_channels
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Operator, Viewer

MOST_NOTICES = 50


def notification_pages(pages: Pages) -> APIRouter:
    """Everything below /notifications."""
    routes = APIRouter(prefix="/notifications", max_body_size=MOST_OF_A_BODY)

    async def show(request: Request, parts: WebContext, tried: Mapping[str, Tried]) -> Response:
        app = parts.app
        return pages.show(
            request,
            "notifications.html",
            channels=sorted(app.messenger.channels.values(), key=lambda each: each.name),
            tried=tried,
            notices=await list_notices(app, limit=MOST_NOTICES),
        )

    @routes.get("")
    async def notifications(request: Request, parts: Parts, _: Viewer) -> Response:
        return await show(request, parts, {})

    @routes.post("/{name}/test")
    async def test(request: Request, parts: Parts, visitor: Operator, name: str) -> Response:
        if name not in parts.app.messenger.channels:
            raise UnknownChannel(name, tuple(parts.app.messenger.channels))
        (tried,) = await try_channels(parts.app, (name,), by=visitor.actor)
        if is_fragment(request):
            return pages.show(request, "channel_tried.html", each=tried)
        return await show(request, parts, {name: tried})

    return routes
