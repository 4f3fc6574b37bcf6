"""Celery beat as a clock: `celery -A workers beat` does what `muster clock` does, and keeps no file."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from celery.beat import Scheduler

from orchestrator.engine.stop import StopSignal
from orchestrator.settings.load import settings_of_this_process
from workers.shells import run_clock

_LOOK = 1.0


class ClockScheduler(Scheduler):
    """Beat's own timetable stays empty: when what is due is in the database, and each occurrence fires once.

    Beat calls `tick` again and again and `close` at its end; the clock lives on a thread between them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stop: StopSignal | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None
        super().__init__(*args, **kwargs)

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Start the clock with the first tick; end with it where it ended by an error."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
            self._thread.start()
        if self._problem is not None:
            raise self._problem
        return _LOOK

    def close(self) -> None:
        """Tell the clock to end, and wait for it."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.request)
        if self._thread is not None:
            self._thread.join(timeout=10)
        super().close()

    def _run(self) -> None:
        try:
            asyncio.run(self._keep_time())
        except BaseException as problem:  # noqa: BLE001 - raised again in the thread that ticks
            self._problem = problem

    async def _keep_time(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), StopSignal()
        await run_clock(settings_of_this_process(), self._stop)
