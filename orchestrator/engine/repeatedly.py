"""Maintenance work that outlives every error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import MusterError
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def repeatedly(
    clock: Clock,
    every: float,
    work: Callable[[], Awaitable[object]],
    *,
    patience: float = 30.0,
    name: str = "maintenance",
) -> NoReturn:
    """Does the work every so many seconds, at most `patience` seconds each time, until it is cancelled.

    Errors are logged as `NAME.waiting` and `NAME.broke`: work that ended silently would be found out weeks later.
    """
    waiting, broke = f"{name}.waiting", f"{name}.broke"
    while True:
        try:
            async with asyncio.timeout(patience):
                await work()
        except (MusterError, TimeoutError) as problem:
            log.warning(waiting, reason=str(problem))
        except Exception:
            log.exception(broke)
        await clock.sleep(every)
