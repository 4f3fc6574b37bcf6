"""Reads of the targets of a job."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.target import EVERY_TARGET, TargetFacts, TargetFilter, TargetOrder
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.device_names import with_inventory, with_names

SORTED_UP_TO = 20_000
"""Targets of a job that can be sorted, since that reads all of them; of a larger job they come in the input's order."""


async def list_targets(
    app: App, wanted: str, filter_: TargetFilter = EVERY_TARGET, *, after_line: int = 0, limit: int
) -> list[TargetFacts]:
    """The targets that fit in the order of the input; the last line is where the next page goes on."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        fitting = await with_inventory(tx, job, filter_)
        found = await tx.targets.page(job.number, job.id, fitting, after_line=after_line, limit=limit)
        return await with_names(tx, job, found, users=True)


@dataclass(frozen=True, slots=True)
class TargetPage:
    """Some targets of a job in an order, after the first `offset` of the `count` that fit."""

    targets: tuple[TargetFacts, ...]
    count: int
    offset: int


async def page_of_targets(
    app: App, view: JobView, order: TargetOrder, wanted: TargetFilter = EVERY_TARGET, *, offset: int = 0, limit: int
) -> TargetPage:
    """The targets that fit in an order, with names and users; only for a job of at most SORTED_UP_TO targets."""
    job = view.job
    async with app.store.reading() as tx:
        fitting = await with_inventory(tx, job, wanted)
        found = await tx.targets.sorted_page(job.number, job.id, order, fitting, offset=offset, limit=limit)
        count = view.tally.total
        if wanted != EVERY_TARGET:
            count = await tx.targets.count_fitting(job.number, fitting)
        return TargetPage(tuple(await with_names(tx, job, found, users=True)), count, offset)
