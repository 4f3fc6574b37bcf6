"""Counting calls in windows of time, the three ways a service may do it; pure but for what a counter remembers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import floor
from typing import Protocol


class WindowCounter(Protocol):
    """Counts calls; every call counts, the refused ones too, as Microsoft documents."""

    def wait_after(self, now: float) -> float:
        """Count a call; 0.0 lets it pass, anything else is how long the next one should wait."""


class FixedWindow:
    """So many calls between one tick of the clock and the next."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._window, self._count = -1, 0

    def wait_after(self, now: float) -> float:
        """Count a call; the wait ends with the window."""
        window = floor(now / self._seconds)
        if window != self._window:
            self._window, self._count = window, 0
        self._count += 1
        return 0.0 if self._count <= self._limit else (window + 1) * self._seconds - now


class SlidingWindow:
    """So many calls in the seconds that end now, at any now."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        # Only the newest `limit` arrivals can matter, so a caller that hammers costs no memory.
        self._recent: deque[float] = deque(maxlen=limit)
        self._limit = limit

    def wait_after(self, now: float) -> float:
        """Count a call; the wait ends when enough of the last ones are old."""
        full = self._limit == 0 or (len(self._recent) == self._limit and now - self._recent[0] < self._seconds)
        self._recent.append(now)
        if not full:
            return 0.0
        return self._recent[0] + self._seconds - now if self._recent else self._seconds


class TokenBucket:
    """A bucket that starts full, fills evenly, and goes into debt by the calls it refuses."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._rate = limit, max(limit, 1) / seconds
        self._level, self._filled = float(limit), 0.0
        self._started = False

    def wait_after(self, now: float) -> float:
        """Count a call; the wait ends when the bucket holds a token again."""
        if self._started:
            self._level = min(self._limit, self._level + (now - self._filled) * self._rate)
        self._started, self._filled = True, now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        self._level = max(-float(self._limit), self._level - 1)
        return (1 - self._level) / self._rate


WINDOWS: dict[str, type[FixedWindow | SlidingWindow | TokenBucket]] = {
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
    "bucket": TokenBucket,
}


def most_in_any(arrivals: Iterable[float], seconds: float) -> int:
    """The largest number of arrivals less than `seconds` apart, first to last; arrivals come in order."""
    inside: deque[float] = deque()
    most = 0
    for arrival in arrivals:
        inside.append(arrival)
        while arrival - inside[0] >= seconds:
            inside.popleft()
        most = max(most, len(inside))
    return most
