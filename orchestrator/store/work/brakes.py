"""How jobs brake: what they are judged by, and the outages that they wait out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.circuit_breaker import Outage, OutcomeWindow
from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import ACTIVE
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_canaries
from orchestrator.store.rows.jobs import JobRow


@dataclass(frozen=True, slots=True)
class BrakeState:
    """The state of a running job's breaker; `canaries` is empty once they were judged.

    With `canaries_lost` the database no longer tells which devices were to go first.
    """

    options: BrakeOptions
    since: OutcomeWindow
    canaries: tuple[int, ...]
    outage: Outage | None
    canaries_lost: bool = False


class Brakes(Repository):
    """SQL of the circuit breakers of jobs; no method commits."""

    async def options(self, number: JobNumber) -> BrakeOptions:
        """The options that the job is judged by."""
        query = select(JobRow.brake_share, JobRow.brake_sample).where(JobRow.number == number)
        return BrakeOptions(*(await self._connection.execute(query)).one())

    async def of_active(self, number: JobNumber) -> BrakeState | None:
        """The brake of a job that is queued or running, locked until the commit; None for any other."""
        row = (await self._connection.execute(_OF_ACTIVE_LOCKED, {"numbers": [number]})).one_or_none()
        return None if row is None else _state(row)

    async def of_all_active(self, numbers: Collection[JobNumber]) -> dict[JobNumber, BrakeState]:
        """Returns the breakers of those of these jobs that are queued or running, without a lock."""
        rows = await self._connection.execute(_OF_ACTIVE, {"numbers": list(numbers)})
        return {JobNumber(row[0]): _state(row) for row in rows}

    async def of(self, number: JobNumber) -> BrakeState:
        """The brake of a job in any status."""
        row = (await self._connection.execute(_STATE.where(JobRow.number == number))).one()
        return _state(row)

    async def judge_from(self, number: JobNumber, since: OutcomeWindow) -> None:
        """Sets where judgement begins: targets before are judged no more."""
        await self._set(number, brake_ended=since.ended, brake_errors=since.errors)

    async def mark_outage(self, number: JobNumber, *, is_out: bool, now: datetime) -> None:
        """Mark in the chart of the job that an outage of Graph began, or was over."""
        from orchestrator.store.jobs.job_events import add_event  # noqa: PLC0415 - a look maps no marks

        kind = EventKind.OUTAGE if is_out else EventKind.OUTAGE_OVER
        await add_event(self._connection, number, kind, now=now)

    async def set_outage(self, number: JobNumber, outage: Outage | None, *, reason: str | None) -> None:
        """Graph is out for this job, or back; `reason` says so to people while the job runs."""
        await self._set(
            number,
            outage_since=outage.since if outage else None,
            probes=outage.probes if outage else 0,
            probe_at=outage.probe_at if outage else None,
            reason=reason,
        )

    async def out_for(self, numbers: Collection[JobNumber]) -> dict[JobNumber, bool]:
        """Whether Graph is out for each of these jobs that is queued or running."""
        found = await self._connection.execute(_OUT_FOR, {"numbers": list(numbers)})
        return {JobNumber(number): bool(is_out) for number, is_out in found}

    async def _set(self, number: JobNumber, **values: object) -> None:
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(**values))


_Columns = tuple[int, int, int, int, int, str | None, datetime | None, int, datetime | None]


def _state(row: _Columns) -> BrakeState:
    _, share, sample, ended, errors, kept, outage_since, probes, probe_at = row
    canaries = stored_canaries(kept)
    return BrakeState(
        BrakeOptions(share, sample),
        OutcomeWindow(ended, errors),
        canaries or (),
        None if outage_since is None or probe_at is None else Outage(outage_since, probes, probe_at),
        canaries_lost=canaries is None,
    )


# Built once, as all that is asked many times a second.
_STATE = select(
    JobRow.number,
    JobRow.brake_share,
    JobRow.brake_sample,
    JobRow.brake_ended,
    JobRow.brake_errors,
    JobRow.canaries,
    JobRow.outage_since,
    JobRow.probes,
    JobRow.probe_at,
)
_OF_ACTIVE = _STATE.where(JobRow.number.in_(bindparam("numbers", expanding=True)), JobRow.status.in_(ACTIVE))
_OF_ACTIVE_LOCKED = _OF_ACTIVE.with_for_update(of=JobRow)
_OUT_FOR = select(JobRow.number, JobRow.probe_at.is_not(None)).where(
    JobRow.number.in_(bindparam("numbers", expanding=True)), JobRow.status.in_(ACTIVE)
)
