"""The ways into the dashboard: how many may be tried, and the link that is printed when an embedded service starts."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict, deque

from orchestrator.domain.clock import Clock


class OneTimeLink:
    """A token that opens the dashboard once: a person who reads the terminal owns the machine."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._is_used = False

    def renew(self) -> None:
        """Makes another token, good for one sign-in; the one before opens nothing any more."""
        self.token, self._is_used = secrets.token_urlsafe(32), False

    def redeem(self, token: str) -> bool:
        """Whether this is the token, and it was not used before."""
        fits = not self._is_used and hmac.compare_digest(self.token.encode(), token.encode())
        self._is_used = self._is_used or fits
        return fits


class Attempts:
    """One-time links of late that were wrong, by address. Keys and sign-ins through Entra ID are never locked out."""

    MOST = 10
    WITHIN = 300.0
    _MOST_ORIGINS = 10_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_for(self, origin: str) -> float:
        """Seconds until it may try again; 0 where it may now."""
        failed = self._recent(origin)
        if len(failed) < self.MOST:
            return 0.0
        return failed[0] + self.WITHIN - self._clock.monotonic()

    def count(self, origin: str) -> None:
        """Counts a refused sign-in from this address."""
        failed = self._recent(origin)
        failed.append(self._clock.monotonic())
        self._failed[origin] = failed
        self._failed.move_to_end(origin)
        if len(self._failed) > self._MOST_ORIGINS:
            self._failed.popitem(last=False)

    def _recent(self, origin: str) -> deque[float]:
        failed = self._failed.get(origin) or deque(maxlen=self.MOST)
        while failed and failed[0] + self.WITHIN <= self._clock.monotonic():
            failed.popleft()
        return failed
