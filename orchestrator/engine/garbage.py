"""How often Python looks for garbage in a process that makes calls."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Let the collector look a seventieth as often, and never again at what is there now: modules, mappings, routes.

    Every call makes some hundred objects, nearly all of which reference counts free; looking at them every 700
    allocations took a sixth of a worker's time. To be called once, when the process is about to begin its work.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
