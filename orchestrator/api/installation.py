"""Reads beside the pages: tenants, processes, notifications and blackouts of this installation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.access import Viewer
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.problems import problem_responses
from orchestrator.http.web_context import Parts, TheApp
from orchestrator.usecases.operations.live_processes import live_processes
from orchestrator.usecases.operations.try_channel import list_notices
from orchestrator.usecases.schedules.change_blackouts import list_blackouts
from orchestrator.views.blackouts import ListedBlackout, listed_blackout_object
from orchestrator.views.collections import Items
from orchestrator.views.notifications import ChannelFacts, NoticeLogEntry, channel_object, notice_object
from orchestrator.views.tenants import TenantFacts, tenant_objects
from orchestrator.views.workers import WorkerFacts, worker_object


def installation_routes() -> APIRouter:
    """Returns /api/tenants, /api/workers, /api/notifications, its channels, and /api/blackouts."""
    routes = APIRouter(prefix="/api", tags=["installation"], route_class=TaggedRoute, responses=problem_responses())

    @routes.get("/tenants")
    async def tenants(parts: Parts, _: Viewer) -> Items[TenantFacts]:
        """The tenants in the settings, without their secrets."""
        return {"items": tenant_objects(parts.settings)}

    @routes.get("/workers")
    async def workers(app: TheApp, _: Viewer) -> Items[WorkerFacts]:
        """The processes that work on this database now."""
        return {"items": [*map(worker_object, await live_processes(app))]}

    @routes.get("/notifications")
    async def notifications(
        app: TheApp, _: Viewer, limit: Annotated[int, Query(ge=1, le=1000)] = 50
    ) -> Items[NoticeLogEntry]:
        """The newest notices to all channels, with their deliveries."""
        return {"items": [*map(notice_object, await list_notices(app, limit=limit))]}

    @routes.get("/notifications/channels")
    async def channels(app: TheApp, _: Viewer) -> Items[ChannelFacts]:
        """The channels in the settings, without their addresses."""
        return {"items": [*map(channel_object, app.messenger.channels.values())]}

    @routes.get("/blackouts")
    async def blackouts(app: TheApp, _: Viewer) -> Items[ListedBlackout]:
        """All blackouts, each with the schedules that it holds for."""
        return {"items": [*map(listed_blackout_object, await list_blackouts(app))]}

    return routes
