"""Check the database, the broker and the workers: one line for each, and how to mend it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.errors import MusterError
from orchestrator.domain.spans import span
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.work.workers import CALLERS
from orchestrator.usecases.operations.live_processes import live_processes
from orchestrator.usecases.operations.stops_in_force import stops_in_force


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; jobs cannot run where one that `is_needed` is not well."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None
    is_needed: bool = True


async def check_stops(app: App) -> Check:
    """Whether an emergency stop is in force; a warning, since a person wanted it."""
    sentences = [stop.sentence for stop in await stops_in_force(app)]
    if not sentences:
        return Check("emergency stop", ok=True, detail="none is in force", is_needed=False)
    lift = "`muster halt --lift --reason TEXT` lifts it."
    return Check("emergency stop", ok=False, detail=" ".join(sentences), mend=lift, is_needed=False)


async def check_health(app: App) -> list[Check]:
    """Database, broker, workers; sign-in is `check_tenant`'s."""
    checks = [await _database(app), await _broker(app)]
    if all(check.ok for check in checks):
        checks.append(await _workers(app))
    return checks


class RecentHealth:
    """The latest result: however many requests come, the database is asked once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._one_look = asyncio.Lock()
        self._found: list[Check] = []
        self._looked_at = -math.inf

    async def checks(self) -> list[Check]:
        """The checks, at most two seconds old."""
        async with self._one_look:
            if self._app.clock.monotonic() - self._looked_at >= _GOOD_FOR:
                self._found = await check_health(self._app)
                self._looked_at = self._app.clock.monotonic()
            return self._found


_GOOD_FOR = 2.0
_FORGOTTEN_AFTER = timedelta(days=1)


async def _database(app: App) -> Check:
    try:
        async with app.store.transaction() as tx:
            await tx.workers.forget_silent(before=await tx.now() - _FORGOTTEN_AFTER)
    except MusterError as problem:
        return Check("database", ok=False, detail=str(problem), mend="Check MUSTER_DATABASE_URL.")
    return Check("database", ok=True, detail=f"can be written: {app.store.place}")


async def _broker(app: App) -> Check:
    try:
        await app.queue.check()
    except MusterError as problem:
        return Check("broker", ok=False, detail=str(problem), mend="Check MUSTER_BROKER_URL.")
    return Check("broker", ok=True, detail=app.queue.described)


async def _workers(app: App) -> Check:
    try:
        working = [worker for worker in await live_processes(app) if worker.kind in CALLERS]
        waits = None if working else await _waits(app)
    except MusterError as problem:
        return Check("workers", ok=False, detail=str(problem))
    if working:
        return Check("workers", ok=True, detail=f"{len(working)} at work", is_needed=False)
    return Check(
        "workers",
        ok=False,
        detail="no process works" + ("" if waits is None else f"; devices have been waiting for {span(waits)}"),
        mend="Start `muster serve`, or with a broker `muster worker`; `muster run` works by itself.",
        # Embedded, a user starts what they need; a team expects workers that are always there.
        is_needed=waits is not None and not isinstance(app.queue, NoQueue),
    )


async def _waits(app: App) -> float | None:
    """Seconds that work is due; None where none is."""
    async with app.store.reading() as tx:
        now = await tx.now()
        since = await tx.totals.due_since(now=now)
    return None if since is None else (now - since).total_seconds()
