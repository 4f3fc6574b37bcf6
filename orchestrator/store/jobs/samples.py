"""Samples of the progress of running jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Tally
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.jobs.job_events import JobEvent, add_event, events_of, unreachable_jobs
from orchestrator.store.rows.samples import SampleRow


@dataclass(frozen=True, slots=True)
class Sample:
    """How many targets were accepted and settled at a time; `per_second` is the limit of the lane at that time."""

    at: datetime
    accepted: int
    settled: int
    per_second: float | None = None


class Samples(Repository):
    """SQL of samples; no method commits."""

    async def add(
        self, at: datetime, tallies: Mapping[JobNumber, Tally], limits: Mapping[JobNumber, float | None]
    ) -> None:
        """How these jobs stand; several processes may sample one time, and the first is kept."""
        rows = [
            {
                "job_number": number,
                "at": at,
                "accepted": tally.accepted,
                "settled": tally.settled,
                "per_second": limits.get(number),
            }
            for number, tally in tallies.items()
        ]
        if rows:
            await self._connection.execute(insert_into(self._connection, SampleRow).on_conflict_do_nothing(), rows)

    async def of(self, number: JobNumber) -> list[Sample]:
        """Every sample of a job, in order."""
        query = (
            select(SampleRow.at, SampleRow.accepted, SampleRow.settled, SampleRow.per_second)
            .where(SampleRow.job_number == number)
            .order_by(SampleRow.at)
        )
        return [Sample(*row) for row in await self._connection.execute(query)]

    async def mark_canaries(self, number: JobNumber, tally: Tally, *, now: datetime) -> None:
        """Mark that the canaries of a job went well; the sample of that time says how many they were."""
        await add_event(self._connection, number, EventKind.CANARIES, now=now)
        await self.add(now, {number: tally}, {})

    async def mark_reach(self, unreachable: Mapping[JobNumber, bool], *, now: datetime) -> None:
        """Marks where the way to Graph was lost, or found again, for each job whose last mark says otherwise."""
        before = await unreachable_jobs(self._connection, unreachable.keys())
        for number, is_lost in unreachable.items():
            if is_lost != (number in before):
                kind = EventKind.UNREACHABLE if is_lost else EventKind.REACHABLE
                await add_event(self._connection, number, kind, now=now)

    async def events_of(self, number: JobNumber) -> list[JobEvent]:
        """The marks of a job, in order."""
        return await events_of(self._connection, number)
