"""Live and ready: they mean that work goes on, and not that a port is open."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from orchestrator.usecases.app import App
from orchestrator.usecases.check_health import check_health
from orchestrator.usecases.drive import Driver


class Live(BaseModel):
    """Whether this process goes on; where it works, whether its last look at the work is recent."""

    live: bool


class Ready(BaseModel):
    """Whether everything that is needed can be reached, and what cannot."""

    ready: bool
    checks: dict[str, str]


def _app(request: Request) -> App:
    app: App = request.app.state.muster
    return app


def _driver(request: Request) -> Driver | None:
    driver: Driver | None = request.app.state.driver
    return driver


def health_routes() -> APIRouter:
    """The two checks, without sign-in: a supervisor has no key."""
    routes = APIRouter(prefix="/api/health", tags=["health"])

    @routes.get("/live")
    async def live(driver: Annotated[Driver | None, Depends(_driver)], response: Response) -> Live:
        goes_on = driver is None or driver.is_alive
        response.status_code = 200 if goes_on else 503
        return Live(live=goes_on)

    @routes.get("/ready")
    async def ready(app: Annotated[App, Depends(_app)], response: Response) -> Ready:
        checks = await check_health(app)
        is_ready = all(check.ok for check in checks if check.is_needed)
        response.status_code = 200 if is_ready else 503
        return Ready(ready=is_ready, checks={check.name: check.detail for check in checks})

    return routes
