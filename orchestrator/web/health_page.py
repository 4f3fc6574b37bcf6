"""Whether all is well: what can be reached, who works, and which lanes are open."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from orchestrator.http.web_context import Parts
from orchestrator.usecases.access.check_keys import check_keys
from orchestrator.usecases.operations.check_health import Check, check_health, check_stops
from orchestrator.usecases.operations.check_inventory import check_inventories
from orchestrator.usecases.operations.check_surroundings import check_surroundings
from orchestrator.usecases.operations.live_processes import live_processes
from orchestrator.usecases.schedules.check_schedules import check_schedules
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Viewer


def health_page(pages: Pages) -> APIRouter:
    """One page, looked at again every few seconds."""
    routes = APIRouter()

    @routes.get("/health")
    async def health(request: Request, parts: Parts, _: Viewer) -> Response:
        checks = await check_health(parts.app)
        is_up = checks[0].ok
        if is_up:
            checks += [
                await check_stops(parts.app),
                *await check_schedules(parts.app),
                *await check_surroundings(parts.app),
                *await check_inventories(parts.app),
                *await check_keys(parts.app),
            ]
        return pages.show(
            request,
            "health_facts.html" if is_fragment(request) else "health.html",
            checks=checks,
            verdict=_verdict(checks),
            workers=await live_processes(parts.app) if is_up else [],
            app=parts.app,
            driver=parts.driver,
            python=platform.python_version(),
            now=parts.app.clock.now(),
        )

    return routes


def _verdict(checks: Sequence[Check]) -> tuple[str, str]:
    """Whether all is well, as the kind of a sentence and its words."""
    if any(check.is_needed and not check.ok for check in checks):
        return "bad", "Jobs cannot run as things are."
    doubtful = [check.name for check in checks if not check.ok]
    if doubtful:
        return "doubt", f"Jobs run. Look at: {', '.join(doubtful)}."
    return "good", "Everything that jobs need is well."
