"""Waiting for events of other processes, which notify nobody."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

PATIENCE = 300.0
"""Seconds after which a wait counts as hung. A test is over as soon as its event happened: this bound only has to be
longer than the slowest machine takes."""


def until(
    is_so: Callable[[], object], last_words: Callable[[], str] = str, *, patience: float = PATIENCE, pause: float = 0.05
) -> None:
    """Return when `is_so` answers with something true; after `patience` seconds raise an error with `last_words`."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, f"not within {patience} seconds\n{last_words()}"
        time.sleep(pause)


def is_ready(url: str) -> bool:
    """Whether the service at this address answers that it is ready."""
    try:
        return httpx.get(f"{url}/api/health/ready", timeout=PATIENCE).status_code == 200
    except httpx.HTTPError:
        return False
