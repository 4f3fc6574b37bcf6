"""The write quota, and what a refused caller is told about its wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil
from typing import Literal, get_args

from orchestrator.simulator.windows import WINDOWS, WindowCounter

Window = Literal["fixed", "sliding", "bucket"]
RetryAfter = Literal["integer", "decimal", "date", "nested", "none"]
RETRY_AFTER_STYLES: tuple[RetryAfter, ...] = get_args(RetryAfter)

_LIMIT = re.compile(r"(\d+)/(\d+(?:\.\d+)?)s?")


@dataclass(frozen=True, slots=True)
class Quota:
    """How many writes in how many seconds, per app; the tenant's own limit is shared with other apps' noise.

    The defaults are the documented Intune limit: https://learn.microsoft.com/graph/throttling-limits
    """

    limit: int = 200
    seconds: float = 20.0
    window: Window = "fixed"
    retry_after: RetryAfter = "integer"
    tenant_limit: int | None = None
    noise: int = 0
    punish_early: bool = False


def parse_limit(text: str) -> tuple[int, float] | None:
    """`200/20s` as (200, 20.0); `none` as None; ValueError for anything else."""
    if text.strip().lower() == "none":
        return None
    found = _LIMIT.fullmatch(text.strip().lower())
    if found is None or float(found[2]) <= 0:
        raise ValueError(f"{text!r} is not a limit such as 200/20s, or none")
    return int(found[1]), float(found[2])


def announced(style: RetryAfter, wait: float, wall: float) -> float:
    """The wait that a caller reads out of this style's answer: never shorter than the real one."""
    match style:
        case "integer" | "nested":
            return float(max(1, ceil(wait)))
        case "decimal":
            return ceil(wait * 1000) / 1000
        case "date":
            return ceil(wall + wait) - wall
        case "none":
            return 0.0


def retry_after_header(style: RetryAfter, wait: float, wall: float) -> tuple[tuple[str, str], ...]:
    """The `Retry-After` header for an announced wait, or nothing."""
    match style:
        case "integer":
            return (("retry-after", str(int(wait))),)
        case "decimal":
            return (("retry-after", f"{wait:.3f}"),)
        case "date":
            return (("retry-after", formatdate(round(wall + wait), usegmt=True)),)
        case "nested" | "none":
            return ()


class Throttle:
    """Counts every write per app and for the whole tenant, and remembers what it told whom."""

    def __init__(self, quota: Quota | None) -> None:
        self.quota = quota
        self.early_calls = 0
        self._apps: dict[str, WindowCounter] = {}
        self._tenant: WindowCounter | None = None
        if quota is not None and quota.tenant_limit is not None:
            self._tenant = WINDOWS[quota.window](max(0, quota.tenant_limit - quota.noise), quota.seconds)
        self._told: dict[str, tuple[float, float]] = {}

    def refuse_for(self, app: str, now: float, wall: float) -> float | None:
        """Count a write; None lets it pass, else the wait that the caller is told (0.0: refused without a hint)."""
        quota = self.quota
        if quota is None:
            return None
        counter = self._apps.get(app)
        if counter is None:
            counter = self._apps[app] = WINDOWS[quota.window](quota.limit, quota.seconds)
        wait = counter.wait_after(now)
        if self._tenant is not None:
            wait = max(wait, self._tenant.wait_after(now))
        told = self._told.get(app)
        if told is not None and now < told[0]:
            self.early_calls += 1
            if quota.punish_early:
                wait = max(wait, told[1])
        if wait == 0.0:
            return None
        announced_wait = announced(quota.retry_after, wait, wall)
        self._told[app] = (now + announced_wait, announced_wait)
        return announced_wait
