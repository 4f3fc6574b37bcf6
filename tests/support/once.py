"""What a process of the product does once and a process of tests would do for each test: done once, or sooner."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import httpx
import pytest
import uvicorn.server
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.util import LRUCache


def do_once(patch: pytest.MonkeyPatch) -> None:
    """Read certificates and compile SQL statements once, for all clients and databases; end servers without a wait."""
    patch.setattr(httpx._transports.default, "create_ssl_context", cache(httpx.create_ssl_context))
    # Each engine sets its own cache, which is left out.
    shared = property(lambda engine: _Compiled(engine.dialect), lambda _engine, _cache: None)
    patch.setattr(Engine, "_compiled_cache", shared, raising=False)
    patch.setattr(uvicorn.server, "asyncio", _Hasty())


class _Hasty:
    """asyncio for uvicorn's server, which looks every 0.1 s whether it is to end and then waits for 0.1 s."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        """Hundreds of tests end a server each."""
        await asyncio.sleep(min(seconds, 0.02))


class _Compiled:
    """The statements that were compiled for any database of one kind: all of them have the same server and options."""

    _of_all = LRUCache[Any, Any](5000)

    def __init__(self, dialect: Dialect) -> None:
        self._kind = type(dialect)

    def get(self, key: tuple[Any, ...]) -> Any:
        """The compiled statement; None where it was not compiled yet."""
        _, *rest = key
        return self._of_all.get((self._kind, *rest))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        _, *rest = key
        self._of_all[(self._kind, *rest)] = compiled
