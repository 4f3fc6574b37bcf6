"""The report: one row per row of the input, in its order, with what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from orchestrator.domain.device import Device
from orchestrator.domain.target import TargetFacts
from orchestrator.intake.pages import unpack
from orchestrator.intake.report_csv import ReportTarget, report_header, report_rows, rows_at_once
from orchestrator.usecases.app import App


async def report_text(
    app: App, wanted: str, *, statuses: Sequence[str] = (), keep: Callable[[TargetFacts], bool] | None = None
) -> AsyncIterator[str]:
    """The report in pieces, a page of input at a time: flat memory however long the input is.

    `keep` narrows it to the rows of these targets.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    yield report_header(job.via, job.input_columns)
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
            kept = {target.line for target in facts if keep(target)}
            rows = [row for row in rows if row.line in kept]
        targets = {target.line: _for_report(target) for target in facts}
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


def _for_report(target: TargetFacts) -> ReportTarget:
    return ReportTarget(
        device=Device.from_key(target.device),
        status=target.status,
        http_status=target.http_status,
        error_code=target.error_code,
        error_message=target.error_message,
        attempts=target.attempts,
        maybe_repeated=target.maybe_repeated,
        request_id=target.request_id,
        client_request_id=target.client_request_id,
        first_attempt_at=target.first_attempt_at,
        finished_at=target.finished_at,
    )
