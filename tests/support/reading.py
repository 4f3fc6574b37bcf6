"""The read side of a simulated Graph in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import httpx
import jwt

from orchestrator.app import App
from orchestrator.domain.waiting import Say, say_nothing
from orchestrator.graph.transport import Http
from orchestrator.inventory.reading import Route
from orchestrator.inventory.refresh_inventory import refresh_inventory
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.world import World
from tests.support.actors import SOMEBODY
from tests.support.apps import reads_over
from tests.support.clock import ManualClock

ROOT = "http://127.0.0.1:8089"


class Skipping(ManualClock):
    """Time that jumps over every wait."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds=seconds)


class RecordingTransport(httpx.ASGITransport):
    """The simulator as a transport that notes every request."""

    def __init__(self, graph: SimulatedGraph) -> None:
        super().__init__(cast("Any", graph))
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


class Rig:
    """A simulated Graph, an application that reads it, and the requests in between."""

    def __init__(self, app: App, *, roles: Sequence[str] | None = None) -> None:
        """With `roles` the token carries these permissions, and the simulator looks at them."""
        clock = Skipping()
        world = World(clock=clock.monotonic, wall=lambda: clock.now().timestamp())
        self.graph = SimulatedGraph(world=world, check_tokens=roles is not None)
        self.wire = RecordingTransport(self.graph)
        http = Http(cast("Any", lambda _: self.wire))
        self.reads = reads_over(http, ROOT, clock, token="opaque" if roles is None else _token(roles))
        self.app = replace(app, read=self._read)

    async def _read(self, _: object) -> Any:
        return self.reads

    async def refresh(self, route: Route = Route.AUTO, say: Say = say_nothing) -> Any:
        return await refresh_inventory(self.app, "default", by=SOMEBODY, route=route, say=say)


def _token(roles: Sequence[str]) -> str:
    claims = {"aud": "https://graph.microsoft.com", "exp": 4_000_000_000, "roles": [*roles]}
    return jwt.encode(claims, "a key for tests that is long enough")
