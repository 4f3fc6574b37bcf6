"""Recording outcomes of which at least one cannot be written: all the others are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.batch import TargetChange
from orchestrator.store.engine.troubles import is_outage
from orchestrator.store.jobs.targets import Targets
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def change_all_but_bad(connection: AsyncConnection, changes: Sequence[TargetChange]) -> list[TargetChange]:
    """Record what attempts made of targets; returns the changes that the database does not take.

    Halves are tried until the bad rows stand alone: some twenty statements for one bad row in a batch. A row that is
    refused for its foreign text is written without it.
    """
    problem = await _try(connection, changes)
    if problem is None:
        return []
    if len(changes) > 1:
        middle = len(changes) // 2
        return [
            *await change_all_but_bad(connection, changes[:middle]),
            *await change_all_but_bad(connection, changes[middle:]),
        ]
    [bad] = changes
    plain = bad._replace(error_message=None, request_id=None, error_code=bad.error_code and _NOT_RECORDED)
    is_plain_written = await _try(connection, [plain]) is None
    said = str(problem).partition("\n")[0]
    log.error("target.unwritable", job=bad.key.job, line=bad.line, without_text=is_plain_written, problem=said)
    return [] if is_plain_written else [bad]


async def _try(connection: AsyncConnection, changes: Sequence[TargetChange]) -> Exception | None:
    try:
        async with connection.begin_nested():
            await Targets(connection).change(changes)
    except Exception as problem:
        if is_outage(problem):
            raise
        return problem
    return None


_NOT_RECORDED = "NotRecorded"
