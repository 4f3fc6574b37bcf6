"""Conditions for the jobs and batches that a worker may claim now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, func, or_

from orchestrator.domain.action import Action
from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.device import Via
from orchestrator.domain.ids import WorkerId
from orchestrator.domain.job import ACTIVE, WINDOW_MARGIN
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.emergency_stops import EmergencyStopRow
from orchestrator.store.rows.jobs import BatchRow, JobRow

NOW = bindparam("now", type_=UtcDateTime())
WORKER = bindparam("worker", type_=Text())
DUE = and_(BatchRow.waiting > 0, BatchRow.due_at <= NOW)
OWN = and_(BatchRow.holder == WORKER, BatchRow.crash_count < POISONED_AFTER)
"""Batches that the worker holds and may take more of; not one that kills: it goes on one target at a time."""


def asked(worker: WorkerId, now: datetime) -> dict[str, Any]:
    """Returns the parameters of the conditions below: the worker, and the time."""
    return {"worker": worker, "now": now, "closing": now + WINDOW_MARGIN}


def takable() -> ColumnElement[bool]:
    """Batches of which the worker may hold targets now: free ones, and its own."""
    return and_(DUE, or_(BatchRow.holder.is_(None), OWN))


def is_free() -> ColumnElement[bool]:
    """Batches that are due and that no process holds."""
    return and_(DUE, BatchRow.holder.is_(None))


def is_callable() -> ColumnElement[bool]:
    """Jobs whose action and way to the devices this release knows; it leaves the others alone."""
    return and_(JobRow.action.in_(tuple(Action)), JobRow.via.in_(tuple(Via)))


def is_stopped() -> ColumnElement[bool]:
    """Jobs that an emergency stop covers."""
    stop = EmergencyStopRow
    in_lane = func.substr(JobRow.lane, 1, func.length(stop.lanes)) == stop.lanes
    return exists().where(or_(stop.tenant.is_(None), stop.tenant == JobRow.tenant, in_lane)).correlate(JobRow)


def may_be_called() -> ColumnElement[bool]:
    """Jobs of which the worker may call something now: by status, emergency stops, window and Graph's answers.

    A job that Graph has not answered yet, or for which Graph is out, waits for the call of another worker.
    """
    moving = exists().where(BatchRow.job_number == JobRow.number, BatchRow.holder != WORKER)
    is_out = JobRow.probe_at.is_not(None)
    return and_(
        JobRow.status.in_(ACTIVE),
        is_callable(),
        or_(and_(JobRow.answered, ~is_out), and_(or_(~is_out, JobRow.probe_at <= NOW), ~moving)),
        or_(JobRow.not_after.is_(None), JobRow.not_after > bindparam("closing", type_=UtcDateTime())),
        ~is_stopped(),
    )
