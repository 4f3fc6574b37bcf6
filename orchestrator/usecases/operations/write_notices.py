"""Write notices into the outbox, in the transaction that makes them true or right after; `send_notices` sends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.errors import UnknownSchedule
from orchestrator.domain.job import Job, Tally
from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_words import MOST_DEVICES, notice_of_job
from orchestrator.domain.target import TargetFacts, TargetFilter, TargetStatus
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.device_names import with_names

_JOBS_A_PAGE = 50
_STALE = timedelta(days=1)


async def write_notice(app: App, tx: Transaction, notice: Notice, named: Sequence[str]) -> None:
    """Writes the notice for every channel that accepts it; `named` are the channels of its schedule."""
    now = await tx.now()
    for channel in app.messenger.channels.values():
        if channel.accepts(notice.event, named):
            await tx.notices.add(channel.name, notice, now=now)


async def write_end_notices(app: App) -> int:
    """Writes the notices of jobs that have ended since; returns how many jobs that were.

    The end itself left the mark that is looked for here, in its own transaction: none is lost with a process.
    """
    async with app.store.reading() as tx:
        if not await tx.job_ends.any_notice_pending():
            return 0
    async with app.store.transaction() as tx:
        jobs = await tx.job_ends.notice_pending(limit=_JOBS_A_PAGE)
        if not jobs:
            return 0
        tallies = await tx.jobs.tallies([job.number for job in jobs])
        now = await tx.now()
        for job in jobs:
            if job.finished_at is not None and now - job.finished_at > _STALE:
                # No clock ran since: a notice this late holds no news.
                continue
            # A job may be stopped, resumed and stopped again: each end has one notice.
            key = f"job/{job.id}/{job.status}/{now.timestamp():.0f}"
            errors = await tx.jobs.errors(job.number)
            devices = await _devices_of(tx, job, tallies[job.number])
            notice = notice_of_job(job, tallies[job.number], errors, key=key, link=_link(app, job), devices=devices)
            await write_notice(app, tx, notice, await _named(tx, job))
        await tx.job_ends.clear_notice_pending([job.number for job in jobs])
    return len(jobs)


async def _devices_of(tx: Transaction, job: Job, tally: Tally) -> list[TargetFacts]:
    """The first devices that failed or are uncertain, with their names."""
    if not tally.failed and not tally.uncertain:
        return []
    bad = TargetFilter((TargetStatus.FAILED, TargetStatus.UNCERTAIN))
    found = await tx.targets.page(job.number, job.id, bad, limit=MOST_DEVICES)
    return await with_names(tx, job, found)


async def _named(tx: Transaction, job: Job) -> tuple[str, ...]:
    if job.schedule is None:
        return ()
    try:
        return (await tx.schedules.by_name(job.schedule)).channels
    except UnknownSchedule:
        return ()


def _link(app: App, job: Job) -> str | None:
    return None if app.messenger.public_url is None else f"{app.messenger.public_url}/jobs/{job.id}"
