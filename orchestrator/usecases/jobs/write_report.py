"""The report: one row for each row of the input, in its order, with its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from orchestrator.app import App
from orchestrator.domain.target import TargetFacts
from orchestrator.intake.identifiers import name_column
from orchestrator.intake.input_row import name_of
from orchestrator.intake.pages import unpack
from orchestrator.intake.report_csv import report_header, report_rows, rows_at_once
from orchestrator.usecases.jobs.device_names import with_names


async def report_text(
    app: App, wanted: str, *, statuses: Sequence[str] = (), keep: Callable[[TargetFacts], bool] | None = None
) -> AsyncIterator[str]:
    """The report in pieces, a page of input at a time: flat memory however long the input is.

    `keep` narrows it to the rows of these targets.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    yield report_header(job.via, job.input_columns)
    place = name_column(job.input_columns)
    number = -1
    while True:
        async with app.store.reading() as tx:
            page = await tx.inputs.page_after(job.number, number)
            if page is None:
                return
            facts = await tx.targets.between(job.number, job.id, page.first_line, page.last_line)
        number = page.page
        rows = await asyncio.to_thread(unpack, page.payload)
        if keep is not None:
            facts = [target for target in facts if keep(target)]
            kept = {target.line for target in facts}
            rows = [row for row in rows if row.line in kept]
        names = {row.line: name_of(row, place) for row in rows}
        # Targets of jobs from older releases have no name of their own, and the name stands in the row alone.
        facts = [each if each.name else replace(each, name=names[each.line]) for each in facts]
        async with app.store.reading() as tx:
            targets = {target.line: target for target in await with_names(tx, job, facts)}
        columns = len(job.input_columns)
        step = rows_at_once(columns)
        for start in range(0, len(rows), step):
            # On a thread, since a server does other things meanwhile; in pieces, since rows are padded to the header.
            yield await asyncio.to_thread(
                report_rows,
                rows[start : start + step],
                targets,
                via=job.via,
                columns=columns,
                statuses=frozenset(statuses) if statuses else None,
            )
