from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.throttling import Quota
from orchestrator.simulator.world import World

EPOCH = 1_700_000_000.0


@dataclass(slots=True)
class SteppedWorld:
    """Time that moves when told, and pauses that are noted instead of waited for."""

    now: float = 1_000.0
    pauses: list[float] = field(default_factory=list)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def as_world(self) -> World:
        return World(clock=lambda: self.now, wall=lambda: EPOCH + self.now, pause=self.pause, lost=httpx.ReadError)


Ask = Callable[..., Awaitable[httpx.Response]]
MakeGraph = Callable[..., SimulatedGraph]


@pytest.fixture
def stepped() -> SteppedWorld:
    return SteppedWorld()


@pytest.fixture
def make_graph(stepped: SteppedWorld) -> MakeGraph:
    def make(quota: Quota | None = None, **options: Any) -> SimulatedGraph:
        return SimulatedGraph(quota, world=stepped.as_world(), **options)

    return make


@pytest.fixture
def graph(make_graph: MakeGraph) -> SimulatedGraph:
    return make_graph()


@pytest.fixture
def ask() -> Ask:
    """Ask the simulated Graph for anything; by default for one action on the first device."""

    async def send(
        graph: SimulatedGraph,
        device: str = "00000000-0000-4000-8000-00000000000a",
        *,
        path: str | None = None,
        method: str = "POST",
        token: str | None = "opaque",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        if path is None:
            path = f"/beta/deviceManagement/managedDevices/{device}/triggerConfigurationManagerAction"
        if body is None:
            body = {"configurationManagerAction": {"action": "refreshUserPolicy"}}
        sent = {} if token is None else {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(graph), base_url="https://graph.contoso.example"
        ) as client:
            content = {"content": body} if isinstance(body, bytes) else {"json": body}
            return await client.request(method, path, headers=sent | (headers or {}), **content)

    return send


@pytest.fixture
def jwt_of() -> Callable[..., str]:
    """A readable token with these claims, signed by nobody."""

    def make(**claims: Any) -> str:
        return jwt.encode(claims, "a key for tests that is long enough", algorithm="HS256")

    return make
