"""Writes the consequences of outcomes for whole jobs, in a second transaction after that of the outcomes.

An error of the second must never make the first be done again: its outcomes would be counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.app import App
from orchestrator.domain.errors import TryLater
from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import JobNumber
from orchestrator.engine.claims import Claims
from orchestrator.engine.recorder import Entry
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobNews:
    """The consequences of committed entries: the calls that each job was given, and the jobs that may have ended."""

    served: Mapping[JobNumber, int] = field(default_factory=dict)
    exhausted: frozenset[JobNumber] = frozenset()

    @staticmethod
    def of(entry: Entry) -> JobNews:
        """The news in one entry."""
        exhausted = {change.key.job for change in entry.batches if change.released and not change.tally.waiting}
        return JobNews(entry.served, frozenset(exhausted))

    def __add__(self, other: JobNews) -> JobNews:
        return JobNews(Counter(self.served) + Counter(other.served), self.exhausted | other.exhausted)

    def __bool__(self) -> bool:
        return bool(self.served or self.exhausted)


class JobNewsWriter:
    """Writes the news of each entry; those that cannot be written now go with the next."""

    def __init__(self, app: App, claims: Claims) -> None:
        self._app, self._claims = app, claims
        self._unwritten = JobNews()

    async def write(self, entry: Entry) -> None:
        """Writes the news of an entry that was committed, and corrects the fair queues by the answer.

        Lost by an error that is not an outage: recovery settles these jobs, and their places are off by some calls.
        """
        news, self._unwritten = self._unwritten + JobNews.of(entry), JobNews()
        if not news:
            return
        starts = {job: start for job in news.served if (start := self._claims.start_of(job)) is not None}
        try:
            places = await write_job_news(self._app, news, starts)
        except TryLater as problem:
            self._unwritten += news
            log.warning("jobs.waiting", reason=str(problem), jobs=len(news.served.keys() | news.exhausted))
            return
        for place in places:
            self._claims.correct(place)


async def write_job_news(app: App, news: JobNews, starts: Mapping[JobNumber, float]) -> list[QueuePlace]:
    """Write whose turn it is now, and which jobs have ended; returns where the served jobs stand.

    `starts` is where they start (domain/fair_queue.py). In a transaction of its own, because all workers of a job write
    to its row here: it must not be locked while outcomes are written. And after their commit: the last two batches of
    a job may end in two processes at once, and one must see both.
    """
    async with app.store.transaction() as tx:
        await tx.jobs.lock({*news.served, *news.exhausted})
        turns = await tx.fair_queue.serve(news.served, starts) if news.served else []
        for job in sorted(news.exhausted):
            if await tx.job_ends.settle(job, now=await tx.now()):
                log.info("job.finished", job=job)
    return turns
