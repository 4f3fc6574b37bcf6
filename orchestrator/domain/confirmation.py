"""How many devices may be called without somebody saying the number themselves; pure."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.domain.action import Action

Confirm = Callable[[Action, int], None]
"""Hears of how many devices an action is about to be asked; what it raises leaves everything as it is."""

COSTLY_ABOVE = 10
"""Devices that a costly action may be asked of without a question: hours of disk and processor on each."""


def asks_above(action: Action, confirm_above: int) -> int:
    """The number of devices above which the count is asked about."""
    return min(COSTLY_ABOVE, confirm_above) if action.is_costly else confirm_above
