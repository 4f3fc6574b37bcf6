"""Maintenance work that outlives every error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import CannotContinue, TryLater
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_PATIENCE = 30.0


async def repeatedly(clock: Clock, every: float, work: Callable[[], Awaitable[None]]) -> NoReturn:
    """Does the work every so many seconds, at most 30 seconds each time, until it is cancelled.

    Errors are logged: work that ended silently would be found out weeks later.
    """
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                await work()
        except (TryLater, CannotContinue, TimeoutError) as problem:
            log.warning("maintenance.waiting", reason=str(problem))
        except Exception:
            log.exception("maintenance.broke")
        await clock.sleep(every)
