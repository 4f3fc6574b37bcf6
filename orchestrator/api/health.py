"""Live and ready: they mean that work goes on, and not that a port is open."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from orchestrator.serving.served import MOST_OF_A_BODY, Parts
from orchestrator.usecases.check_health import check_health


class Live(BaseModel):
    """Whether this process goes on: its last look at how jobs stand is recent and, where it works, that at the work."""

    live: bool


class Ready(BaseModel):
    """Whether everything that is needed can be reached, and what cannot."""

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

    @routes.get("/ready", responses={503: {"model": Ready, "description": "Something that is needed is away."}})
    async def ready(parts: Parts, response: Response) -> Ready:
        checks = await check_health(parts.app)
        is_ready = all(check.ok for check in checks if check.is_needed)
        response.status_code = 200 if is_ready else 503
        return Ready(ready=is_ready, checks={check.name: check.detail for check in checks})

    return routes
