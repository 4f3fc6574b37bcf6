"""The web process as it stands on a port, inside this one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from orchestrator.asgi import Ready, make_app, server_config
from orchestrator.domain.access import Grant, Role
from orchestrator.engine.stop import StopSignal
from orchestrator.http.web_context import WebContext
from orchestrator.settings import Settings
from orchestrator.settings.load import load_settings
from orchestrator.usecases.access.keys import create_key
from tests.support.actors import SOMEBODY
from tests.support.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Service:
    """A web process under test."""

    url: str
    served: WebContext
    stop: StopSignal

    async def key(self, role: Role = Role.ADMIN, **limits: Any) -> str:
        """A new key of this role."""
        made = await create_key(self.served.app, Grant(role, **limits), name=role, by=SOMEBODY)
        return made.text

    @asynccontextmanager
    async def client(self, role: Role = Role.ADMIN, **limits: Any) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody with a key of this role."""
        headers = {"Authorization": f"Bearer {await self.key(role, **limits)}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE) as client:
            yield client


def some_settings(database_url: str, graph_url: str = "http://127.0.0.1:9", **variables: str) -> Settings:
    """Settings of one tenant, embedded, with nothing that paces it."""
    given: Mapping[str, str] = {
        "MUSTER_DATABASE_URL": database_url,
        "MUSTER_GRAPH_URL": graph_url,
        "MUSTER_ACCESS_TOKEN": "token",
        "MUSTER_WRITE_LIMIT": "none",
        **variables,
    }
    return load_settings(given)


@asynccontextmanager
async def a_service(settings: Settings, on_ready: Ready | None = None) -> AsyncIterator[Service]:
    """A web process on a free port of this machine."""
    stop = StopSignal()
    web = make_app(settings, stop, on_ready)
    server = uvicorn.Server(server_config(web, settings, host="127.0.0.1", port=0))
    # Signals are for the process that runs the tests.
    serving = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:
                if serving.done():
                    await serving
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", web.state.served, stop)
    finally:
        stop.request()
        server.should_exit = True
        await serving


@asynccontextmanager
async def a_visitor(service: Service, role: Role | None) -> AsyncIterator[httpx.AsyncClient]:
    """A browser, signed in with a key of this role."""
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        if role is not None:
            entered = await client.post("/sign-in", data={"key": await service.key(role)})
            assert entered.status_code == 303
        yield client


async def csrf_of(client: httpx.AsyncClient) -> str:
    """The token that the pages carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await client.get("/jobs")).text)
    assert found is not None
    return found[1]
