"""The report: one row per row of the input, in its order, with what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from orchestrator.app import App
from orchestrator.domain.device import Device
from orchestrator.domain.job import Job
from orchestrator.domain.target import TargetFacts
from orchestrator.domain.tenant import directory_of
from orchestrator.intake.identifiers import name_column
from orchestrator.intake.input_row import InputRow, name_of
from orchestrator.intake.pages import unpack
from orchestrator.intake.report_csv import ReportTarget, report_header, report_rows, rows_at_once


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
        names = await _names_of(app, job, rows, facts)
        targets = {target.line: _for_report(target, names.get(target.line)) for target in facts}
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


async def _names_of(app: App, job: Job, rows: Sequence[InputRow], facts: Sequence[TargetFacts]) -> dict[int, str]:
    """The name of each row's device, by line: the list's where it has one, else the inventory's."""
    place = name_column(job.input_columns)
    names = {row.line: name_of(row, place) or "" for row in rows if row.verdict is None}
    unnamed = {target.device: target.line for target in facts if not names.get(target.line)}
    if unnamed:
        async with app.store.reading() as tx:
            inventory = await tx.inventories.current(directory_of(job.lane))
            found = [] if inventory is None else await tx.inventory_devices.by_ids(inventory.number, sorted(unnamed))
        names.update({unnamed[device.id]: device.name for device in found if device.name})
    return names


def _for_report(target: TargetFacts, name: str | None) -> ReportTarget:
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
        device_name=name,
    )
