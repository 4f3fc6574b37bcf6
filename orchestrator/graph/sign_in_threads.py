"""Threads for the sign-in library alone, which blocks: a slow authority holds up no file and no message."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class Run(Protocol):
    """Calls a function that blocks, and waits for what it returns."""

    def __call__(self, function: Callable[[A], T], argument: A, /) -> Awaitable[T]:
        """The value, or what was raised."""
        ...


class SignInThreads:
    """Some daemon threads, started as they are needed; none of them keeps a process that wants to end.

    A sign-in may block for 40 seconds. asyncio's own threads also read files and publish messages, and a loop waits for
    them at its end: a command would not be over when it says that it is.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._started = self._busy = 0
        self._counting = threading.Lock()

    async def run(self, function: Callable[[A], T], argument: A, /) -> T:
        """Call the function with the argument in one of the threads."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                value = function(argument)
            except BaseException as problem:  # noqa: BLE001 - any error is raised again in the task that waits
                _post(loop, partial(_fail, done, problem))
            else:
                _post(loop, partial(_succeed, done, value))

        self._add(work)
        return await done

    def _add(self, work: Callable[[], None]) -> None:
        with self._counting:
            self._busy += 1
            if self._busy > self._started and self._started < self._most:
                self._started += 1
                name = f"sign-in-{self._started}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
        self._work.put(work)

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            work()
            with self._counting:
                self._busy -= 1


def _post(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> None:
    # The loop may be closed by now: then no caller waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)


def _succeed(done: asyncio.Future[T], value: T) -> None:
    if not done.done():
        done.set_result(value)


def _fail(done: asyncio.Future[T], problem: BaseException) -> None:
    if not done.done():
        done.set_exception(problem)
