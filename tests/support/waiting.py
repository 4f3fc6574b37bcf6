"""Waiting for what happens in another process, which tells nobody."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx


def until(
    is_so: Callable[[], object], patience: float = 30, last_words: Callable[[], str] = str, *, pause: float = 0.05
) -> None:
    """Wait for something in another process."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, f"not within {patience} seconds\n{last_words()}"
        time.sleep(pause)


def is_ready(url: str) -> bool:
    """Whether the service at this address says that it is."""
    try:
        return httpx.get(f"{url}/api/health/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
