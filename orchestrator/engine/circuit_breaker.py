"""Circuit breaker: stops a job whose devices fail, lets its canaries go first, and waits while Graph is out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from orchestrator.app import App
from orchestrator.domain.circuit_breaker import (
    Braked,
    GoOn,
    Outage,
    OutcomeWindow,
    judge,
    outage_found,
    patience_with,
    window_of,
)
from orchestrator.domain.course import EventKind
from orchestrator.domain.errors import TryLater
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.stop_reasons import (
    CANARIES_LOST,
    brake_reason,
    canary_reason,
    outage_reason,
    outage_stop_reason,
)
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.active_job import ActiveJob, ActiveJobs, BreakerWindow
from orchestrator.engine.outage_watch import Found, News, OutageChange, Over, StillOut
from orchestrator.engine.recorder import Entry
from orchestrator.store.engine.database import Transaction
from orchestrator.store.work.brakes import BrakeState
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_JOBS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """The state of a job's breaker, None where the job rests already; and whether the job was stopped just now."""

    brake: BrakeState | None
    stopped: bool = False


async def judge_job(app: App, job: JobNumber) -> Judged:
    """Look at the canaries of a job while it has any, else at all of it; stop it where that went badly."""
    async with app.store.transaction() as tx:
        brake = await tx.brakes.of_active(job)
        if brake is None:
            return Judged(None)
        reason = await (_fault_of_canaries if brake.canaries or brake.canaries_lost else _fault_of_all)(tx, job, brake)
        if reason is not None:
            await _stop(tx, job, reason, event=EventKind.BRAKED)
    return Judged(brake, stopped=reason is not None)


async def that_go_on(app: App, jobs: Sequence[JobNumber]) -> dict[JobNumber, BrakeState]:
    """The brakes of those jobs that nothing is to be done about: one look for all, which locks nothing.

    A process with a thousand lanes has a hundred jobs to look at each second, and writes nothing meanwhile.
    """
    async with app.store.reading() as tx:
        brakes = await tx.brakes.of_all_active(jobs)
        ended = await _that_ended(tx, jobs)
    return {
        job: brake
        for job, brake in brakes.items()
        if not (brake.canaries or brake.canaries_lost)
        and judge(ended[job], brake.since, brake.options) == GoOn(brake.since)
    }


async def judge_canaries(app: App) -> None:
    """Judge canaries that have all ended: the process that should have judged them may have died."""
    async with app.store.reading() as tx:
        jobs = await tx.canaries.jobs_with_some(limit=_JOBS_A_PAGE)
    for job in jobs:
        await judge_job(app, job)


async def begin_anew(tx: Transaction, job: JobNumber) -> None:
    """A person lets the job go on: what went wrong before is looked at no more."""
    await tx.brakes.judge_from(job, await _all_that_ended(tx, job))
    await tx.brakes.set_outage(job, None, reason=None)


class CircuitBreaker:
    """Judges the active jobs of one process after each write of outcomes."""

    def __init__(self, app: App, jobs: ActiveJobs) -> None:
        self._app, self._jobs = app, jobs

    async def judge(self, entry: Entry) -> None:
        """Writes the news of Graph, and judges the jobs that may have to stop, after this entry was written."""
        accepted = Counter(change.key.job for change in entry.targets if change.status is TargetStatus.ACCEPTED)
        for number, count in accepted.items():
            self._jobs.open(number).window.ended += count
        for change in entry.targets:
            if change.status is not TargetStatus.ACCEPTED and change.status.is_final:
                self._jobs.open(change.key.job).window.add(change)
        try:
            await self._write_news(entry.news)
            jobs = [job for job in self._jobs if self._calls_for_judgement(job)]
            going_on = await that_go_on(self._app, [job.number for job in jobs]) if jobs else {}
            for job in jobs:
                if job.number in going_on:
                    self._mark_judged(job, going_on[job.number])
                else:
                    await self._judge(job)
        except TryLater as problem:
            # A job that was not judged now is judged with the next outcome.
            log.warning("brake.waiting", reason=str(problem))

    def _calls_for_judgement(self, job: ActiveJob) -> bool:
        is_waited_for = job.window.ended > 0 and job.run_ahead.is_limited
        return is_waited_for or job.window.calls_for_judgement(self._app.clock.monotonic())

    async def _judge(self, job: ActiveJob) -> None:
        judged = await judge_job(self._app, job.number)
        if judged.brake is not None and not judged.stopped:
            self._mark_judged(job, judged.brake)
            return
        job.window = BreakerWindow()
        if judged.stopped:
            job.is_halted = True
        else:
            # Another process or a person stopped it: no call leaves here until the next look at its status.
            job.is_resting = True

    def _mark_judged(self, job: ActiveJob, brake: BrakeState) -> None:
        job.run_ahead.judge_by(brake.options)
        job.window = BreakerWindow(brake, judged_at=self._app.clock.monotonic())

    async def _write_news(self, news: dict[JobNumber, News]) -> None:
        if not news:
            return
        try:
            async with self._app.store.transaction() as tx:
                for job, each in sorted(news.items()):
                    if each.change is not None:
                        await _write_outage(tx, job, each.change)
                    if each.forgiven:
                        await tx.targets.forgive(job, each.forgiven)
        except TryLater:
            self._jobs.restore_news(news)
            raise


async def _fault_of_canaries(tx: Transaction, job: JobNumber, brake: BrakeState) -> str | None:
    if brake.canaries_lost:
        await tx.canaries.release(job, now=await tx.now())
        return CANARIES_LOST
    window = await tx.canaries.window(job, brake.canaries)
    if window is None:
        return None
    now = await tx.now()
    await tx.canaries.release(job, now=now)
    await tx.brakes.judge_from(job, await _all_that_ended(tx, job))
    log.info("job.canaries_ended", job=job, canaries=window.ended, errors=window.errors)
    if window.is_bad(brake.options.share):
        return canary_reason(window, brake.options)
    await tx.samples.mark_canaries(job, (await tx.jobs.tallies([job]))[job], now=now)
    return None


async def _fault_of_all(tx: Transaction, job: JobNumber, brake: BrakeState) -> str | None:
    verdict = judge(await _all_that_ended(tx, job), brake.since, brake.options)
    if isinstance(verdict, Braked):
        return brake_reason(verdict.window, brake.options)
    if verdict.since != brake.since:
        await tx.brakes.judge_from(job, verdict.since)
    return None


async def _stop(tx: Transaction, job: JobNumber, reason: str, *, event: EventKind | None = None) -> None:
    await tx.jobs.move(job, JobStatus.STOPPED, if_in=ACTIVE, reason=reason, now=await tx.now(), event=event)
    log.error("job.braked", job=job, reason=reason)


async def _write_outage(tx: Transaction, job: JobNumber, change: OutageChange) -> None:
    brake = await tx.brakes.of_active(job)
    if brake is None:
        return
    now = await tx.now()
    match change:
        case Found(wait, error):
            if brake.outage is None:
                await _set_outage(tx, job, outage_found(now, wait), error)
                await tx.brakes.mark_outage(job, is_out=True, now=now)
                log.warning("job.outage", job=job, code=error.code, http_status=error.http_status)
        case StillOut(wait, error):
            if brake.outage is None:
                return
            longer = brake.outage.after_probe(now, wait, await _patience(tx, job, error))
            if longer is None:
                await _stop(tx, job, outage_stop_reason(brake.outage.since, error))
            else:
                await _set_outage(tx, job, longer, error)
        case Over():
            if brake.outage is not None:
                await tx.brakes.set_outage(job, None, reason=None)
                await tx.brakes.mark_outage(job, is_out=False, now=now)
                log.warning("job.outage_over", job=job, seconds=round((now - brake.outage.since).total_seconds(), 1))
        case _:
            assert_never(change)


async def _set_outage(tx: Transaction, job: JobNumber, outage: Outage, error: GraphError) -> None:
    reason = outage_reason(outage, error, await _patience(tx, job, error))
    await tx.brakes.set_outage(job, outage, reason=reason)


async def _patience(tx: Transaction, job: JobNumber, error: GraphError) -> timedelta:
    accepted = (await tx.jobs.tallies([job]))[job].accepted
    return patience_with(error, accepted_before=accepted > 0)


async def _all_that_ended(tx: Transaction, job: JobNumber) -> OutcomeWindow:
    return (await _that_ended(tx, [job]))[job]


async def _that_ended(tx: Transaction, jobs: Sequence[JobNumber]) -> dict[JobNumber, OutcomeWindow]:
    tallies, errors = await tx.jobs.tallies(jobs), await tx.jobs.errors_of(jobs)
    return {job: window_of(tallies[job], errors[job]) for job in jobs}
