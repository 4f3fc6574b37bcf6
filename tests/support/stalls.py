"""How slow this machine is just now, so that a promise about time can be held against real processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stalls:
    """The longest delay of a thread's own wake-ups, and the smallest share of a processor that it got.

    Another process waits for the machine no less than this thread: a test adds `allowance` to the time that it allows.
    On an idle machine that adds next to nothing.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._slowest = 1.0

    @property
    def longest(self) -> float:
        """Seconds that the latest wake-up came late."""
        return self._longest

    def allowance(self, seconds: float) -> float:
        """Seconds that work of `seconds` on an idle machine may take longer on this one.

        Several processes that wait for each other can each come late in turn.
        """
        return seconds * (self._slowest - 1.0) + _WAKE_UPS * self._longest

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raise AssertionError where the block takes longer than that and the allowance for it."""
        began = time.monotonic()
        yield
        took, allowed = time.monotonic() - began, seconds + self.allowance(seconds)
        assert took < allowed, f"took {took:.2f} s, and {allowed:.2f} s are allowed on this machine just now"

    def note(self, late: float, slower: float) -> None:
        """A wake-up came late by so many seconds; computing took so many times as long as its processor time."""
        self._longest, self._slowest = max(self._longest, late), max(self._slowest, slower)


@contextmanager
def measured_stalls() -> Iterator[Stalls]:
    """Measure for as long as the block lasts."""
    stalls, over = Stalls(), threading.Event()

    def measure() -> None:
        while not over.is_set():
            due = time.monotonic() + _NAP
            over.wait(_NAP)
            late = time.monotonic() - due
            began, used = time.monotonic(), time.thread_time()
            while time.thread_time() - used < _WORK:
                pass
            stalls.note(late, (time.monotonic() - began) / _WORK)

    thread = threading.Thread(target=measure, name="stalls", daemon=True)
    thread.start()
    try:
        yield stalls
    finally:
        over.set()
        thread.join()


_NAP = 0.1
_WORK = 0.001
_WAKE_UPS = 4
