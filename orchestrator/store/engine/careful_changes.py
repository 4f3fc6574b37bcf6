"""Recording outcomes of which at least one cannot be written: all the others are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.claim import TargetChange
from orchestrator.store.engine.troubles import is_outage
from orchestrator.store.jobs.targets import Targets
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def change_all_but_bad(connection: AsyncConnection, changes: Sequence[TargetChange]) -> list[TargetChange]:
    """Record what attempts made of targets; returns the changes that the database does not take.

    Halves are tried until the bad rows stand alone: some twenty statements for one bad row in a batch. A row that is
    refused for its foreign text is written without it, one that is refused for its numbers with the least that says how
    it ended.
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
    # Its status must stand there: a row that still waits is called again.
    bare = plain._replace(attempts=1, uncharged=0, http_status=None, first_attempt_at=None)
    is_written = await _try(connection, [plain]) is None or await _try(connection, [bare]) is None
    said = str(problem).partition("\n")[0]
    log.error("target.unwritable", job=bad.key.job, line=bad.line, in_part=is_written, problem=said)
    return [] if is_written else [bad]


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
