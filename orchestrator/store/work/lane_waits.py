"""The reports of workers about lanes in which they cannot call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.waiting import LaneWait, WaitKind
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_member
from orchestrator.store.rows.operations import LaneWaitRow


class LaneWaits(Repository):
    """Reports of workers; none of the methods commits."""

    async def report(self, worker: WorkerId, waits: Mapping[LaneKey, LaneWait], *, now: datetime) -> None:
        """Replaces all that this worker reported before."""
        await self._connection.execute(delete(LaneWaitRow).where(LaneWaitRow.worker == worker))
        if not waits:
            return
        rows = [
            {
                "worker": worker,
                "lane": lane,
                "kind": wait.kind,
                "message": wait.message,
                "until": wait.until,
                "reported_at": now,
            }
            for lane, wait in waits.items()
        ]
        await self._connection.execute(insert(LaneWaitRow), rows)

    async def reported_since(
        self, earliest: datetime, lanes: Collection[LaneKey]
    ) -> dict[LaneKey, dict[WorkerId, LaneWait]]:
        """The reports on these lanes that were written since then; an older one is no longer true."""
        query = (
            select(LaneWaitRow)
            .where(LaneWaitRow.lane.in_(lanes), LaneWaitRow.reported_at >= earliest)
            .order_by(LaneWaitRow.lane, LaneWaitRow.worker)
        )
        found: dict[LaneKey, dict[WorkerId, LaneWait]] = {}
        for row in await self._rows(query):
            kind = stored_member(WaitKind, row.kind, "lane_waits.kind")
            if kind is None:
                continue
            wait = LaneWait(kind, row.message, row.until)
            found.setdefault(LaneKey(row.lane), {})[WorkerId(row.worker)] = wait
        return found

    async def forget_silent(self, *, before: datetime) -> None:
        """Drops the reports that were made before then."""
        await self._connection.execute(delete(LaneWaitRow).where(LaneWaitRow.reported_at < before))
