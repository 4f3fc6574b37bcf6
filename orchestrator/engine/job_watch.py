"""Follows pause, cancel, stop, emergency stop and outage of the active jobs, as the database has them."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.job import ACTIVE
from orchestrator.engine.active_job import ActiveJobs


async def refresh_jobs(app: App, jobs: ActiveJobs) -> None:
    """Sets which leased jobs rest and which find Graph out, and drops the jobs that this process is done with.

    A call leaves only within a second after this look (`Leases.allows`).
    """
    leased = [job for job in jobs if job.batches]
    suspects = [job for job in jobs if job.batches or job.outage.is_suspect]
    if suspects:
        asked_at = app.clock.monotonic()
        numbers = [job.number for job in leased]
        async with app.store.reading() as tx:
            statuses = await tx.jobs.statuses(numbers) if leased else {}
            stopped = await tx.fair_queue.stopped_among(numbers) if leased else set()
            out = await tx.brakes.out_for([job.number for job in suspects])
        for job in leased:
            job.is_resting = statuses.get(job.number) not in ACTIVE or job.number in stopped
            job.seen_at = asked_at
        now = app.clock.monotonic()
        for job in suspects:
            if job.number in out:
                job.outage.set_out(is_out=out[job.number], now=now)
    jobs.drop_idle(app.clock.monotonic())
