"""Gather what decides why a job waits: its row, its lane, the processes at work and what they report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.emergency_stop import EmergencyStop, stop_of
from orchestrator.domain.ids import JobNumber, LaneKey, WorkerId
from orchestrator.domain.job import WINDOW_MARGIN, Job, Tally
from orchestrator.domain.tenant import tenant_problem
from orchestrator.domain.waiting import (
    JobSituation,
    LaneStanding,
    LaneWait,
    OutageSeen,
    WaitingFor,
    WaitKind,
    waiting_for,
)
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.engine.database import Transaction
from orchestrator.store.work.fair_queue import Waiting
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.throttle.adaptation import recovered_at, share_at
from orchestrator.throttle.gcra import Standing
from orchestrator.usecases.operations.live_processes import SILENT_AFTER

_WORKING = frozenset({"serve", "worker"})

_FIRST_BEAT = timedelta(seconds=5)
"""Time in which a process that begins to work on a job reports itself; earlier, "no worker" would be a false alarm."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The processes that were alive at `now`, and their reports on some lanes."""

    workers: Sequence[WorkerSeen]
    reports: Mapping[LaneKey, Mapping[WorkerId, LaneWait]]
    now: datetime
    stops: Sequence[EmergencyStop] = ()

    def halted(self, job: Job) -> str | None:
        """The sentence of the emergency stop that covers the job; None where none does."""
        stop = stop_of(self.stops, job.tenant, job.lane)
        return None if stop is None else stop.sentence

    def is_worked_on(self, app: App, job: JobNumber) -> bool:
        """Whether this process or another one calls the devices of the job."""
        return app.waits.work_on(job) or bool(self.work_on(job))

    def is_soon_worked_on(self, app: App, job: Waiting) -> bool:
        """Whether a process calls its devices, or the job is so new that this process may not have reported itself."""
        is_new = job.touched_at is None or self.now - job.touched_at < _FIRST_BEAT
        return is_new or self.is_worked_on(app, job.number)

    def work_on(self, job: JobNumber) -> list[WorkerSeen]:
        """The processes that call the devices of the job."""
        return [
            each
            for each in self.workers
            if each.job_number == job or (each.kind in _WORKING and each.job_number is None)
        ]


async def surroundings_of(tx: Transaction, lanes: Collection[LaneKey]) -> Surroundings:
    """The processes that reported in the last seconds, and why they make no calls in these lanes."""
    now = await tx.now()
    since = now - SILENT_AFTER
    workers = await tx.workers.active_since(since)
    reports = await tx.lane_waits.reported_since(since, lanes)
    return Surroundings(workers, reports, now, await tx.emergency_stops.in_force())


def explain(
    app: App, job: Job, tally: Tally, left: Waiting, *, standing: Standing | None, around: Surroundings
) -> WaitingFor | None:
    """The cause that holds the job back; `left` counts its calls still to be made, `standing` is its lane's."""
    at_work = around.work_on(job.number)
    is_ours = app.waits.work_on(job.number)
    # Where others work, their settings count and not ours: a command may know the database alone.
    knows = app.tenants and (is_ours or not at_work)
    problem = tenant_problem(job.tenant, job.lane, app.tenants.get(job.tenant)) if knows else None
    return waiting_for(
        JobSituation(
            status=job.status,
            waiting=tally.waiting,
            settled=tally.settled,
            halted=around.halted(job),
            tenant_problem=problem,
            is_worked_on=around.is_soon_worked_on(app, left),
            hint=_hint(app, job, is_worked_on=is_ours or bool(at_work)),
            reported=_reported(app, job.lane, at_work, around),
            window_until=left.not_after,
            is_window_over=left.not_after is not None and around.now >= left.not_after - WINDOW_MARGIN,
            outage=_outage(job, left),
            lane=_lane(app, job, standing),
            canaries=left.canaries,
            retry_at=_retry_at(left, tally, around.now),
        )
    )


def _reported(app: App, lane: LaneKey, at_work: Sequence[WorkerSeen], around: Surroundings) -> LaneWait | None:
    own = app.waits.of(lane)
    if own is not None:
        return own
    reports = around.reports.get(lane, {})
    kept = [reports[worker.id] for worker in at_work if worker.id in reports and worker.id != app.worker]
    if not kept:
        return None
    if len(kept) == len(at_work):
        return kept[0]
    # While a worker with the right settings is there, the others do not matter.
    others = [wait for wait in kept if wait.kind is not WaitKind.TENANT_CHANGED]
    if not others:
        return None
    said = f"{others[0].message} ({len(others)} of {len(at_work)} processes at work.)"
    return replace(others[0], message=said)


def _outage(job: Job, left: Waiting) -> OutageSeen | None:
    if left.probe_at is None or left.outage_since is None:
        return None
    return OutageSeen(left.outage_since, left.probe_at, job.reason or "Graph answers nothing but errors.")


def _lane(app: App, job: Job, standing: Standing | None) -> LaneStanding:
    tenant = app.tenants.get(job.tenant)
    if standing is None or tenant is None:
        return LaneStanding()
    pace, now, limit = standing.pace, standing.now, tenant.write_limit
    is_closed = pace.closed_until > now
    window = limit.window.total_seconds() if limit else 0.0
    share = share_at(pace.learned, now, window) if limit else 1.0
    return LaneStanding(
        limit=limit,
        closed_until=datetime.fromtimestamp(pace.closed_until, UTC) if is_closed else None,
        is_refused=pace.refusals > 0,
        share=share,
        recovered_at=datetime.fromtimestamp(recovered_at(pace.learned, window), UTC) if share < 1.0 else None,
    )


def _retry_at(left: Waiting, tally: Tally, now: datetime) -> datetime | None:
    is_later = left.next_due_at is not None and left.next_due_at > now
    return left.next_due_at if is_later and not tally.sending else None


def _hint(app: App, job: Job, *, is_worked_on: bool) -> str:
    if is_worked_on or tenant_problem(job.tenant, job.lane, app.tenants.get(job.tenant)) is not None:
        return f"`muster job resume {job.id}` says what can be done."
    if isinstance(app.queue, NoQueue):
        return f"Start `muster serve`, or go on here with `muster job resume {job.id}`."
    return "Start `muster worker`."
