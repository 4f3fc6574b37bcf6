"""A saved list of devices of a job: those of some statuses, with one error, found by a text, or selected."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.confirmation import Facts
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.target import TargetFacts, TargetFilter
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.usecases.jobs.list_targets import list_targets
from orchestrator.usecases.lists.import_list import Imported, import_list

_PAGE = 1_000
_IN_MEMORY = 1024**2


async def count_targets(app: App, job_id: str, choice: TargetFilter) -> int:
    """Returns how many devices of the job fit the choice."""
    return sum([len(page) async for page in _pages(app, job_id, choice)])


async def save_targets(
    app: App,
    job_id: str,
    choice: TargetFilter,
    name: str,
    *,
    via: Via,
    by: Actor,
    reason: str | None = None,
    shown: Facts | None = None,
) -> Imported:
    """Save these devices as a list, or as the next version of a list; RequestRejected where there are none.

    Only for a job that addresses devices by their managed device id alone. Raises what `import_list` raises.
    """
    if via is not Via.MANAGED_DEVICES:
        raise RequestRejected("A list holds managed device ids, and this job addresses its devices otherwise.")
    count = 0
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        await asyncio.to_thread(file.write, b"managedDeviceId,Device name\r\n")
        async for page in _pages(app, job_id, choice):
            count += len(page)
            await asyncio.to_thread(file.write, _rows(page))
        if not count:
            raise RequestRejected("No device of the job fits, so no list was saved.")
        file.seek(0)
        stream = cast("BinaryIO", file)
        return await import_list(
            app,
            name,
            stream,
            via=via,
            file_name=f"job {job_id}",
            options=IntakeOptions(),
            by=by,
            reason=reason,
            shown=shown,
        )


async def _pages(app: App, job_id: str, choice: TargetFilter) -> AsyncIterator[list[TargetFacts]]:
    after = 0
    while True:
        page = await list_targets(app, job_id, choice, after_line=after, limit=_PAGE)
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1].line


def _rows(page: list[TargetFacts]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows((target.device, target.name or "") for target in page)
    return text.getvalue().encode()
