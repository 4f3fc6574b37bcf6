"""The throttle of an embedded installation: a row in the database file, shared by every process on it."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.store.engine.database import Store
from orchestrator.throttle import gcra as pacing
from orchestrator.throttle.gcra import Permits, Refusal, Standing, ThrottleBackend, unknown_past


class RowThrottle:
    """`throttle/gcra.py` behind one locked row a lane; it outlives the processes that use it."""

    def __init__(self, store: Store, clock: Clock, chance: Random) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        # On the database's clock: a row that knows of no departure as late has lost others as well.
        self._granted_until: dict[LaneKey, float] = {}

    async def take(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = pacing.LEAD
    ) -> Permits:
        """Up to `want` permits; recorded as they are granted, and worthless after their life."""
        async with self._store.transaction() as tx:
            before = await tx.lanes.lock(lane)
            asked_at = self._clock.monotonic()
            now = (await tx.now()).timestamp()
            # How long the commit takes says nothing about when the clock was looked at.
            answered_at = self._clock.monotonic()
            if before is not None and pacing.contradicts(before, self._granted_until.get(lane, 0.0), now):
                before = pacing.lost_past(now, limit)
            pace, granted = pacing.grant(before or unknown_past(now), now, want, limit, together, lead=lead)
            await tx.lanes.save_pace(lane, pace)
        if granted.departures:
            self._granted_until[lane] = pace.last_departure
        # Told after the commit: what was not written was not granted.
        return pacing.localise(granted, granted_at=now, asked_at=asked_at, answered_at=answered_at)

    def use_backend(self, lane: LaneKey, backend: ThrottleBackend) -> None:
        """There is no other."""

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, and lowers its share afterwards."""
        async with self._store.transaction() as tx:
            before = await tx.lanes.lock(lane)
            now = (await tx.now()).timestamp()
            pace = pacing.close(before or unknown_past(now), now, refusal, limit, self._chance.random())
            await tx.lanes.save_pace(lane, pace)

    async def look(self, lane: LaneKey) -> Standing:
        """Where the lane stands, and what the database's clock shows."""
        return (await self.standings([lane]))[lane]

    async def standings(self, lanes: Collection[LaneKey]) -> dict[LaneKey, Standing]:
        """Where each of these lanes stands, and what the database's clock shows."""
        async with self._store.reading() as tx:
            now = (await tx.now()).timestamp()
            paces = await tx.lanes.paces(lanes, now=now)
        return {lane: Standing(pace, now, ThrottleBackend.ROW) for lane, pace in paces.items()}
