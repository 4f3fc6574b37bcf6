"""The pace of a lane as a row: the throttle of an embedded installation, and where Redis is away."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.pacing import Keeper, Pace, unknown_past
from orchestrator.store.rows import LaneRow


class Lanes:
    """Questions about lanes; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def pace_for_update(self, lane: LaneKey, *, now: float) -> Pace:
        """Where the lane stands, locked until the commit; a lane never seen before is unknown, not free."""
        query = (
            select(LaneRow.last_departure, LaneRow.closed_until, LaneRow.refusals)
            .where(LaneRow.key == lane)
            .with_for_update()
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
            first = unknown_past(now)
            await self._connection.execute(
                dialect.insert(LaneRow)
                .values(key=lane, last_departure=first.last_departure, closed_until=0.0, refusals=0)
                .on_conflict_do_nothing()
            )
            row = (await self._connection.execute(query)).one()
        return Pace(*row)

    async def keeper(self, lane: LaneKey) -> Keeper:
        """Who keeps the lane; Redis, unless somebody wrote otherwise."""
        kept = await self._connection.execute(select(LaneRow.keeper).where(LaneRow.key == lane))
        return Keeper(kept.scalar_one_or_none() or Keeper.REDIS)

    async def give_to(self, lane: LaneKey, keeper: Keeper) -> None:
        """Who keeps the lane from this commit on."""
        await self._connection.execute(update(LaneRow).where(LaneRow.key == lane).values(keeper=keeper))

    async def keep(self, lane: LaneKey, pace: Pace) -> None:
        """Where the lane stands now."""
        await self._connection.execute(
            update(LaneRow)
            .where(LaneRow.key == lane)
            .values(last_departure=pace.last_departure, closed_until=pace.closed_until, refusals=pace.refusals)
        )

    async def all(self) -> dict[LaneKey, Pace]:
        """Every lane that was ever paced here."""
        query = select(LaneRow.key, LaneRow.last_departure, LaneRow.closed_until, LaneRow.refusals).order_by(
            LaneRow.key
        )
        return {
            LaneKey(row.key): Pace(row.last_departure, row.closed_until, row.refusals)
            for row in await self._connection.execute(query)
        }
