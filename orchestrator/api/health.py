"""Live and ready: they mean that work goes on, and not that a port is open."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from orchestrator.api.access import HasKey
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts
from orchestrator.usecases.operations.check_health import Check


class Live(BaseModel):
    """Whether this process goes on: its last look at how jobs stand is recent and, where it works, that at the work."""

    live: bool


class Ready(BaseModel):
    """Whether everything that is needed can be reached, and which part cannot; with a key, the findings."""

    ready: bool
    checks: dict[str, str]


def health_routes() -> APIRouter:
    """The two checks, without sign-in: a supervisor has no key."""
    routes = APIRouter(prefix="/api/health", tags=["health"], max_body_size=MOST_OF_A_BODY)

    @routes.get("/live", responses={503: {"model": Live, "description": "It hangs: start it again."}})
    async def live(parts: Parts, response: Response) -> Live:
        goes_on = parts.sampler.is_alive and (parts.driver is None or parts.driver.is_alive)
        response.status_code = 200 if goes_on else 503
        return Live(live=goes_on)

    @routes.get(
        "/ready",
        responses={503: {"model": Ready, "description": "Something that is needed is away."}},
        openapi_extra={"security": [{}]},
    )
    async def ready(parts: Parts, response: Response, has_key: HasKey) -> Ready:
        checks = await parts.health.checks()
        is_ready = all(check.ok for check in checks if check.is_needed)
        response.status_code = 200 if is_ready else 503
        return Ready(ready=is_ready, checks={check.name: _detail(check, to_holder=has_key) for check in checks})

    return routes


def _detail(check: Check, *, to_holder: bool) -> str:
    # The addresses of the database and the broker are for the log alone.
    if to_holder:
        return check.detail
    return "ok" if check.ok else "away"
