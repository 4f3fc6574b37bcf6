"""What the other side of a limit sees."""

from __future__ import annotations

from collections.abc import Iterable


def most_in_any_window(arrivals: Iterable[float], window: float) -> int:
    """The most arrivals in any half-open window of this length, wherever it begins.

    A window that is fixed at some offset is one of these, and a bucket of `calls` permits that refills at
    `calls / window` lets through all that no such window overfills.
    """
    ordered = sorted(arrivals)
    most = first = 0
    for last, arrival in enumerate(ordered):
        while arrival - ordered[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most
