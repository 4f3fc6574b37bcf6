"""Reads of the targets of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.target import TargetFacts, TargetOrder, TargetStatus
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.device_names import search_of, with_names

SORTED_UP_TO = 20_000
"""Targets of a job that can be sorted, since that reads all of them; of a larger job they come in the input's order."""


async def list_targets(
    app: App,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus] = (),
    code: str | None = None,
    search: str | None = None,
    after_line: int = 0,
    limit: int,
) -> list[TargetFacts]:
    """Targets in the order of the input; the last line is where the next page goes on.

    `search` is looked for in ids, names and users.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        found = await tx.targets.page(
            job.number,
            job.id,
            after_line=after_line,
            limit=limit,
            statuses=statuses,
            code=code,
            search=await search_of(tx, job, search),
        )
        return await with_names(tx, job, found, users=True)


@dataclass(frozen=True, slots=True)
class TargetPage:
    """Some targets of a job in an order, after the first `offset` of the `count` that fit."""

    targets: tuple[TargetFacts, ...]
    count: int
    offset: int


async def page_of_targets(
    app: App,
    view: JobView,
    order: TargetOrder,
    *,
    statuses: Sequence[TargetStatus] = (),
    code: str | None = None,
    search: str | None = None,
    offset: int = 0,
    limit: int,
) -> TargetPage:
    """Targets in an order, with their names and users; only for a job of at most SORTED_UP_TO targets."""
    job = view.job
    async with app.store.reading() as tx:
        looked_for = await search_of(tx, job, search)
        found = await tx.targets.sorted_page(
            job.number, job.id, order, offset=offset, limit=limit, statuses=statuses, code=code, search=looked_for
        )
        count = view.tally.total
        if statuses or code or looked_for is not None:
            count = await tx.targets.count_fitting(job.number, statuses=statuses, code=code, search=looked_for)
        return TargetPage(tuple(await with_names(tx, job, found, users=True)), count, offset)
