"""Failed sign-ins and refused changes go to the audit log, at a bounded cost."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from orchestrator.app import App
from orchestrator.domain.audit import Refusal
from orchestrator.domain.errors import MusterError
from orchestrator.store.access.refusals import TOLD_ALONE
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_WRITTEN_EVERY = 1.0
"""Seconds between two writes of refusals that are only counted."""

_MOST_REMEMBERED = 10_000


class Refusals:
    """Writes the first refusals of a kind at once, and all further ones together, once a second."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[str, tuple[Refusal, int]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def record(self, refusal: Refusal) -> None:
        """Records it. A refusal that cannot be written is logged and lost: the caller is refused all the same."""
        log.warning("refused", what=refusal.what, who=refusal.by.name, origin=refusal.by.origin)
        seen = self._seen.get(refusal.kind, 0)
        self._seen[refusal.kind] = seen + 1
        self._seen.move_to_end(refusal.kind)
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if seen < TOLD_ALONE:
            await self._write([(refusal, 1)])
            return
        _, times = self._waiting.get(refusal.kind, (refusal, 0))
        self._waiting[refusal.kind] = (refusal, times + 1)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon(), name="refusals")

    async def close(self) -> None:
        """Writes what is still only counted."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write_waiting()

    async def _write_soon(self) -> None:
        await self._app.clock.sleep(_WRITTEN_EVERY)
        await self._write_waiting()

    async def _write_waiting(self) -> None:
        waiting, self._waiting = [*self._waiting.values()], {}
        if waiting:
            await self._write(waiting)

    async def _write(self, refusals: list[tuple[Refusal, int]]) -> None:
        try:
            async with self._app.store.transaction() as tx:
                now = await tx.now()
                # In one order everywhere: two processes that lock the same groups must not wait for each other.
                for refusal, times in sorted(refusals, key=lambda each: each[0].kind):
                    await tx.refusals.write(refusal, times=times, now=now)
        except MusterError as problem:
            log.warning("refusals.unwritten", reason=str(problem), count=sum(times for _, times in refusals))
