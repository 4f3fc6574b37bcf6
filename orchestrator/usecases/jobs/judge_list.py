"""Judges a device list row by row before it is submitted: good, duplicate, or rejected and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import scope_of
from orchestrator.domain.target import RowVerdict
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.report_csv import verdicts_header, verdicts_rows
from orchestrator.usecases.jobs.forecast_job import forecast_new
from orchestrator.usecases.jobs.read_list import open_list, pages_of
from orchestrator.usecases.jobs.submit_job import JobRequest, Preview

_FIRST = 50
_ODD = 200


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a device list; `first` are its first rows, `odd` the first that would not be called."""

    preview: Preview
    columns: tuple[str, ...]
    first: tuple[InputRow, ...]
    odd: tuple[InputRow, ...]


async def judge_list(
    app: App,
    request: JobRequest,
    stream: BinaryIO,
    *,
    file_name: str | None,
    options: IntakeOptions,
) -> Judgement:
    """Read the whole list and judge its rows; nothing is stored. IntakeFailed where it is wrong as a whole."""
    tenant = app.tenant(request.tenant)
    request.by.grant.refuse_change(scope_of(request.action, tenant.name, 0))
    devices = await open_list(
        app, tenant, stream, file_name=file_name, via=request.via, options=options, action=request.action
    )
    begin: list[InputRow] = []
    uncalled: list[InputRow] = []
    async with aclosing(pages_of(app, tenant, devices, options)) as pages:
        async for page in pages:
            begin += page.rows[: _FIRST - len(begin)]
            if len(uncalled) < _ODD:
                uncalled += [row for row in page.rows if row.verdict is not None][: _ODD - len(uncalled)]
    report = devices.report()
    preview = Preview(report, devices.id_columns.names, await forecast_new(app, tenant, report.good))
    return Judgement(preview, tuple(devices.columns), tuple(begin), tuple(uncalled))


async def odd_rows(
    app: App, request: JobRequest, stream: BinaryIO, *, file_name: str | None, options: IntakeOptions
) -> AsyncIterator[str]:
    """Every row that would not be called as CSV, in pieces; IntakeFailed at once where no device list can be read."""
    tenant = app.tenant(request.tenant)
    request.by.grant.refuse_change(scope_of(request.action, tenant.name, 0))
    devices = await open_list(
        app, tenant, stream, file_name=file_name, via=request.via, options=options, action=request.action
    )

    async def pieces() -> AsyncIterator[str]:
        yield verdicts_header(devices.columns)
        async with aclosing(pages_of(app, tenant, devices, options)) as pages:
            async for page in pages:
                yield await asyncio.to_thread(verdicts_rows, [row for row in page.rows if row.verdict is not None])

    return pieces()


def verdict_of(row: InputRow) -> str:
    """Returns the verdict in words: good, duplicate or rejected."""
    return "good" if row.verdict is None else RowVerdict(row.verdict).value
