"""From the command line into asyncio, once; and what Ctrl-C means there."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from orchestrator.engine.garbage_collection import end_loading
from orchestrator.engine.stop import StopSignal

T = TypeVar("T")

_ASKING = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
"""Signals that ask us to end. The closing of a terminal is SIGHUP, on Windows SIGBREAK, and Windows has no SIGTERM."""


class Interrupt:
    """Ctrl-C as the work sees it: it is cancelled, or, while it says `gently`, asked to stop."""

    def __init__(self) -> None:
        self.stop = StopSignal()
        self.is_raised = False
        self._is_gentle = False
        self._task: asyncio.Task[Any] | None = None

    @contextmanager
    def gently(self) -> Iterator[StopSignal]:
        """While this lasts the work ends by itself once it is told to stop.

        Each time with a signal of its own: work that ends by itself raises it too.
        """
        self.stop = StopSignal()
        if self.is_raised:
            self.stop.request()
        self._is_gentle = True
        try:
            yield self.stop
        finally:
            self._is_gentle = False

    def begin(self) -> None:
        """The task that runs now is the one to interrupt."""
        self._task = asyncio.current_task()

    def act(self) -> None:
        """Pass it on to the work."""
        if self._is_gentle:
            self.stop.request()
        elif self._task is not None:
            self._task.cancel()


class _Interrupted(Exception):
    """Carries Ctrl-C past asyncio, which takes a KeyboardInterrupt inside a task for the end of everything."""


def run(work: Callable[[Interrupt], Coroutine[Any, Any, T]]) -> T:
    """Run the work to its end; KeyboardInterrupt where Ctrl-C cut it off. The second Ctrl-C leaves at once."""
    interrupt = Interrupt()
    end_loading()

    async def inside() -> T:
        interrupt.begin()
        with _listening(interrupt, asyncio.get_running_loop()):
            try:
                return await work(interrupt)
            except asyncio.CancelledError:
                raise _Interrupted from None

    try:
        return asyncio.run(inside())
    except _Interrupted:
        raise KeyboardInterrupt from None


@contextmanager
def _listening(interrupt: Interrupt, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        if interrupt.is_raised:
            os._exit(130)
        interrupt.is_raised = True
        # Not loop.add_signal_handler: Windows has none. Python runs this on the main thread, between two of its steps.
        loop.call_soon_threadsafe(interrupt.act)

    numbers = [getattr(signal, name) for name in _ASKING if hasattr(signal, name) and not _is_to_survive(name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_to_survive(name: str) -> bool:
    # `nohup` starts programs with SIGHUP ignored, so that they outlive the terminal.
    return name == "SIGHUP" and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN
