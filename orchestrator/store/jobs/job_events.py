"""The times at which a job paused, stopped, resumed, or had an outage: the marks in its chart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobNumber
from orchestrator.store.engine.stored_json import stored_member
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.charts import JobEventRow

MOST = 500
"""Marks of one job that are kept; a chart with more of them would show nothing."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One mark: what happened to a job, and when."""

    at: datetime
    kind: EventKind


async def add_event(connection: AsyncConnection, number: JobNumber, kind: EventKind, *, now: datetime) -> None:
    """Keep a mark, unless the job has very many of them already."""
    count = select(func.count()).where(JobEventRow.job_number == number)
    if int((await connection.execute(count)).scalar_one()) >= MOST:
        return
    row = {"job_number": number, "at": now, "kind": kind}
    await connection.execute(insert_into(connection, JobEventRow).on_conflict_do_nothing(), row)


async def unreachable_jobs(connection: AsyncConnection, numbers: Collection[JobNumber]) -> set[JobNumber]:
    """Returns those of these jobs whose last mark of this kind says that Graph could not be reached."""
    query = (
        select(JobEventRow.job_number, JobEventRow.kind)
        .where(JobEventRow.job_number.in_(numbers), JobEventRow.kind.in_([EventKind.UNREACHABLE, EventKind.REACHABLE]))
        .order_by(JobEventRow.at)
    )
    lost: set[JobNumber] = set()
    for number, kind in await connection.execute(query):
        (lost.add if kind == EventKind.UNREACHABLE else lost.discard)(JobNumber(number))
    return lost


async def events_of(connection: AsyncConnection, number: JobNumber) -> list[JobEvent]:
    """The marks of a job, in order."""
    query = select(JobEventRow.at, JobEventRow.kind).where(JobEventRow.job_number == number).order_by(JobEventRow.at)
    rows = [(at, stored_member(EventKind, kind, "job_events.kind")) for at, kind in await connection.execute(query)]
    return [JobEvent(at, kind) for at, kind in rows if kind is not None]
