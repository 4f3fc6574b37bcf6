"""How jobs brake: what they are judged by, their canaries, and the outages that they wait out."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, update

from orchestrator.domain.batch import ErrorCount, ErrorGroup
from orchestrator.domain.circuit_breaker import BrakeOptions, Outage, OutcomeWindow, window_of
from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_canaries
from orchestrator.store.rows.jobs import BatchRow, JobRow, TargetRow

_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


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
    """Questions about how jobs brake; none of them commits."""

    async def set_options(self, number: JobNumber, options: BrakeOptions) -> None:
        """The options that the job is judged by."""
        await self._set(number, brake_share=options.share, brake_sample=options.sample)

    async def options(self, number: JobNumber) -> BrakeOptions:
        """The options that the job is judged by."""
        query = select(JobRow.brake_share, JobRow.brake_sample).where(JobRow.number == number)
        return BrakeOptions(*(await self._connection.execute(query)).one())

    async def of_active(self, number: JobNumber) -> BrakeState | None:
        """The brake of a job that is queued or running, locked until the commit; None for any other."""
        row = await self._row(_OF_ACTIVE_LOCKED, {"numbers": [number]})
        return None if row is None else _state(row)

    async def of_all_active(self, numbers: Collection[JobNumber]) -> dict[JobNumber, BrakeState]:
        """Returns the breakers of those of these jobs that are queued or running, without a lock."""
        rows = await self._rows(_OF_ACTIVE, {"numbers": list(numbers)})
        return {JobNumber(row.number): _state(row) for row in rows}

    async def of(self, number: JobNumber) -> BrakeState:
        """The brake of a job in any status."""
        [row] = await self._rows(select(JobRow).where(JobRow.number == number))
        return _state(row)

    async def canaries_ended(self, number: JobNumber, canaries: Collection[int]) -> int:
        """How many of these canaries have ended."""
        query = select(func.count()).where(
            TargetRow.job_number == number, TargetRow.line.in_(canaries), TargetRow.status != TargetStatus.WAITING
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def judge_from(self, number: JobNumber, since: OutcomeWindow) -> None:
        """Sets where judgement begins: targets before are judged no more."""
        await self._set(number, brake_ended=since.ended, brake_errors=since.errors)

    async def choose_canaries(self, number: JobNumber, ranks: Collection[int], *, until: datetime) -> None:
        """The targets in these places (from 0) go first; everything else waits, at most until then."""
        ranked = (
            select(TargetRow.line, (func.row_number().over(order_by=TargetRow.line) - 1).label("rank"))
            .where(TargetRow.job_number == number)
            .subquery()
        )
        chosen = select(ranked.c.line).where(ranked.c.rank.in_(ranks)).order_by(ranked.c.line)
        lines = list((await self._connection.execute(chosen)).scalars())
        await self._set(number, canaries=json.dumps(lines))
        await self.postpone_others(number, lines, until=until)

    async def postpone_others(self, number: JobNumber, canaries: Collection[int], *, until: datetime) -> None:
        """Makes the free batches in which no canary waits due at that time.

        All of them at once: claims take the first batch that is due, and a thousand of these would hide the canaries.
        """
        waits = select(TargetRow.line).where(
            TargetRow.job_number == number,
            TargetRow.line.in_(canaries),
            TargetRow.line.between(BatchRow.first_line, BatchRow.last_line),
            TargetRow.status == TargetStatus.WAITING,
        )
        # Claims hold one batch while they do this: two that waited for each other's batch would never end.
        others = (
            select(BatchRow.batch)
            .where(BatchRow.job_number == number, BatchRow.holder.is_(None), ~waits.exists())
            .with_for_update(skip_locked=True)
        )
        await self._connection.execute(
            update(BatchRow).where(BatchRow.job_number == number, BatchRow.batch.in_(others)).values(due_at=until)
        )

    async def canary_window(self, number: JobNumber, canaries: Collection[int]) -> OutcomeWindow | None:
        """How the canaries fared, as the brake counts; None while one of them is still to be called."""
        query = (
            select(TargetRow.status, TargetRow.http_status, TargetRow.error_code, func.count())
            .where(TargetRow.job_number == number, TargetRow.line.in_(canaries))
            .group_by(TargetRow.status, TargetRow.http_status, TargetRow.error_code)
        )
        ended: dict[str, int] = {}
        errors: dict[ErrorGroup, ErrorCount] = {}
        for status, http_status, code, count in await self._connection.execute(query):
            if status == TargetStatus.WAITING:
                return None
            ended[status] = ended.get(status, 0) + count
            if status != TargetStatus.ACCEPTED:
                group = ErrorGroup(TargetStatus(status), http_status, code or "")
                errors[group] = ErrorCount(count)
        return window_of(Tally(**ended), errors)

    async def release_canaries(self, number: JobNumber, *, now: datetime) -> None:
        """They were looked at: everything else is due."""
        await self._set(number, canaries=None)
        await self._connection.execute(
            update(BatchRow)
            .where(BatchRow.job_number == number, BatchRow.waiting > 0, BatchRow.holder.is_(None))
            .values(due_at=now)
        )

    async def with_canaries(self, *, limit: int) -> list[JobNumber]:
        """Active jobs whose canaries were not looked at yet."""
        found = await self._connection.execute(_WITH_CANARIES, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

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

    async def forgive(self, number: JobNumber, lines: Collection[int]) -> None:
        """The last attempt of these uses up none of the attempts that the policy allows."""
        await self._connection.execute(
            update(TargetRow)
            .where(
                TargetRow.job_number == number,
                TargetRow.line.in_(lines),
                TargetRow.status == TargetStatus.WAITING,
                TargetRow.uncharged < TargetRow.attempts,
            )
            .values(uncharged=TargetRow.uncharged + 1)
        )

    async def _set(self, number: JobNumber, **values: object) -> None:
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(**values))


def _state(row: JobRow) -> BrakeState:
    canaries = stored_canaries(row.canaries)
    return BrakeState(
        BrakeOptions(row.brake_share, row.brake_sample),
        OutcomeWindow(row.brake_ended, row.brake_errors),
        canaries or (),
        None
        if row.outage_since is None or row.probe_at is None
        else Outage(row.outage_since, row.probes, row.probe_at),
        canaries_lost=canaries is None,
    )


# Built once, as all that is asked many times a second.
_WITH_CANARIES = (
    select(JobRow.number).where(JobRow.status.in_(_ACTIVE), JobRow.canaries.is_not(None)).limit(bindparam("most"))
)
_OF_ACTIVE = select(JobRow).where(JobRow.number.in_(bindparam("numbers", expanding=True)), JobRow.status.in_(_ACTIVE))
_OF_ACTIVE_LOCKED = _OF_ACTIVE.with_for_update(of=JobRow)
_OUT_FOR = select(JobRow.number, JobRow.probe_at.is_not(None)).where(
    JobRow.number.in_(bindparam("numbers", expanding=True)), JobRow.status.in_(_ACTIVE)
)

FIRST_LOOK_WITHIN = timedelta(hours=1)
"""How long what is no canary waits at most for a look that never comes."""
