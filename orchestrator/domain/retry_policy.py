"""How often a call is repeated, and how long that waits; domain/retry.py decides by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounded attempts with exponential backoff; waits are in seconds.

    `throttled` bounds what attempts do not: a 429 says that nothing was done, and nothing about the device. So it uses
    up none, and a device is given up only so long after its first attempt.
    """

    attempts: int = 6
    base: float = 2.0
    longest: float = 180.0
    throttled: float = 3600.0
