"""Whether all is well: what can be reached, who works, and which lanes are open."""

from __future__ import annotations

import platform

from fastapi import APIRouter, Request, Response

from orchestrator.http.web_context import Parts
from orchestrator.usecases.operations.check_health import check_health
from orchestrator.usecases.operations.live_processes import who_works
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Viewer


def health_page(pages: Pages) -> APIRouter:
    """One page, looked at again every few seconds."""
    routes = APIRouter()

    @routes.get("/health")
    async def health(request: Request, parts: Parts, _: Viewer) -> Response:
        checks = await check_health(parts.app)
        is_up = checks[0].ok
        return pages.show(
            request,
            "health_facts.html" if is_fragment(request) else "health.html",
            checks=checks,
            workers=await who_works(parts.app) if is_up else [],
            app=parts.app,
            driver=parts.driver,
            python=platform.python_version(),
            now=parts.app.clock.now(),
        )

    return routes
