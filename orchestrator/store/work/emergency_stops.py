"""Emergency stops: the rows that every claim and every worker's look reads."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Select, delete, select

from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.emergency_stops import EmergencyStopRow


class EmergencyStops(Repository):
    """Repository of the stops in force; none of the methods commits."""

    async def in_force(self) -> list[EmergencyStop]:
        """The stops in force, that of all tenants first."""
        rows = await self._rows(_in_force())
        return [EmergencyStop(row.tenant, row.reason, row.stopped_by, row.stopped_at, row.lanes) for row in rows]

    async def add(self, stop: EmergencyStop) -> None:
        """Puts the stop in force; one of the same scope that is in force already stays as it is."""
        new = insert_into(self._connection, EmergencyStopRow).values(
            scope=_scope(stop.tenant),
            tenant=stop.tenant,
            lanes=stop.lanes,
            reason=stop.reason,
            stopped_by=stop.by,
            stopped_at=stop.at,
        )
        await self._connection.execute(new.on_conflict_do_nothing())

    async def lift(self, tenant: str | None) -> bool:
        """Ends the stop of this tenant, or with None that of all; False where none was in force."""
        query = delete(EmergencyStopRow).where(EmergencyStopRow.scope == _scope(tenant))
        return bool((await self._connection.execute(query)).rowcount)


@cache
def _in_force() -> Select[EmergencyStopRow]:
    return select(EmergencyStopRow).order_by(EmergencyStopRow.scope)


def _scope(tenant: str | None) -> str:
    # The empty text, which no tenant is called, stands for all: a primary key holds no NULL.
    return tenant or ""
