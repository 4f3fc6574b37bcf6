"""Fragments that are made once for all who watch the same thing and may do the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

_MOST = 100


class SharedFragments:
    """The latest fragment of each thing that is watched; the longest unasked is forgotten first."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, tuple[object, asyncio.Future[str]]] = OrderedDict()

    async def text(self, key: Hashable, shown: object, make: Callable[[], Awaitable[str]]) -> str:
        """The fragment that shows this very value, made by the first caller."""
        held = self._made.get(key)
        if held is None or held[0] is not shown or (held[1].done() and held[1].exception() is not None):
            held = (shown, asyncio.ensure_future(make()))
            self._made[key] = held
        self._made.move_to_end(key)
        if len(self._made) > _MOST:
            self._made.popitem(last=False)
        # A request that is cancelled must not cancel the query that other requests wait for.
        return await asyncio.shield(held[1])
