"""An event loop on virtual time: nothing waits, nothing runs beside it, and the same seed gives the same run.

Every timer of asyncio runs on it, `asyncio.timeout` as well, so code that knows nothing of a test is tested too.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class NobodyMoves(RuntimeError):
    """Every task waits for another one, and no time that passes will change that."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is what the next timer says; work for other threads is done at once, in this one."""

    def __init__(self) -> None:
        self._passed = 0.0
        super().__init__(_Selector(self._pass))

    def time(self) -> float:
        """Virtual seconds."""
        return self._passed

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override] # narrower than asyncio has it
        """Here and now: a thread would end whenever the machine likes."""
        del executor
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as problem:  # noqa: BLE001 - it belongs to whoever waits
            done.set_exception(problem)
        return done

    def _pass(self, seconds: float) -> None:
        self._passed += seconds


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run the work on virtual time, to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class _Selector(selectors.BaseSelector):
    """Waits for no one: where there is nothing to do, time passes."""

    def __init__(self, passing: Callable[[float], None]) -> None:
        self._passing = passing
        self._inner = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NobodyMoves
        if timeout > 0:
            self._passing(timeout)
        return []

    def close(self) -> None:
        self._inner.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()
