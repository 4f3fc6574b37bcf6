"""How often Python looks for garbage: hardly while modules load, and by the kind of work after that."""

from __future__ import annotations

import gc

_WHILE_LOADING = 250_000
"""Loading modules makes objects and drops none. A short command makes 120,000, and Python's own number is 700."""

_AFTER_LOADING = 50_000


def begin_loading() -> None:
    """Look for no garbage while the modules of a command are loaded; one look at them took a tenth of its time."""
    gc.set_threshold(_WHILE_LOADING)


def end_loading() -> None:
    """After `begin_loading`: look at younger objects only, and often enough for work that goes on for hours.

    Does nothing in a process that chose its own numbers, such as a test.
    """
    if gc.get_threshold()[0] == _WHILE_LOADING:
        gc.freeze()
        gc.set_threshold(_AFTER_LOADING)


def tune_garbage_collection() -> None:
    """Let the collector look less often, and never again at what is there now: modules, mappings, routes.

    Every call makes some hundred objects, nearly all of which reference counts free; looking at them every 700
    allocations took a sixth of a worker's time. A look at the young takes some ten milliseconds, in which no call
    leaves. One at what outlived a look takes a quarter of a second with a thousand lanes, more than a permit lives, and
    finds hardly anything. To be called once, when the process is about to begin its work.
    """
    gc.freeze()
    gc.set_threshold(10_000, 1_000, 50)
