"""How often Python looks for garbage in a process that makes calls."""

from __future__ import annotations

import gc


def tune_garbage_collection() -> None:
    """Let the collector look less often, and never again at what is there now: modules, mappings, routes.

    Every call makes some hundred objects, nearly all of which reference counts free; looking at them every 700
    allocations took a sixth of a worker's time. A look at the young takes some ten milliseconds, in which no call
    leaves. One at what outlived a look takes a quarter of a second with a thousand lanes, more than a permit lives, and
    finds hardly anything. To be called once, when the process is about to begin its work.
    """
    gc.freeze()
    gc.set_threshold(10_000, 1_000, 50)
