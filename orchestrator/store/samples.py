"""How far running jobs were at which moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Tally
from orchestrator.store.rows import SampleRow


@dataclass(frozen=True, slots=True)
class Sample:
    """So many targets were accepted, and so many settled, at that moment."""

    at: datetime
    accepted: int
    settled: int


class Samples:
    """Questions about samples; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, at: datetime, tallies: Mapping[JobNumber, Tally]) -> None:
        """How these jobs stand; several processes may sample one moment, and the first is kept."""
        rows = [
            {"job_number": number, "at": at, "accepted": tally.accepted, "settled": tally.settled}
            for number, tally in tallies.items()
        ]
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        if rows:
            await self._connection.execute(dialect.insert(SampleRow).on_conflict_do_nothing(), rows)

    async def of(self, number: JobNumber) -> list[Sample]:
        """Every sample of a job, in order."""
        query = (
            select(SampleRow.at, SampleRow.accepted, SampleRow.settled)
            .where(SampleRow.job_number == number)
            .order_by(SampleRow.at)
        )
        return [Sample(*row) for row in await self._connection.execute(query)]
