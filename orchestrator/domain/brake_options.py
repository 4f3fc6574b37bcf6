"""The options by which a job brakes, and its canaries; domain/circuit_breaker.py judges by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from orchestrator.domain.options import Option

NEVER_STOPS = 100
"""The share of true errors, in percent, that never stops a job."""

MOST_CANARIES = 10_000
"""Every claim reads their lines while they go."""

FIRST_LOOK_WITHIN = timedelta(hours=1)
"""How long what is no canary waits at most for a look that never comes."""


@dataclass(frozen=True, slots=True)
class BrakeOptions:
    """The share of true errors, in percent, that stops a job, and how many devices must have ended before."""

    share: Annotated[
        int,
        Option(
            "Stop where more of the devices fail; gone and unsupported ones do not count. 100 never stops.",
            label="Stop when more than this percentage fails",
            metavar="PERCENT",
            unit="%",
            at_least=1,
            at_most=NEVER_STOPS,
            is_rare=True,
        ),
    ] = 25
    sample: Annotated[
        int,
        Option(
            "Devices with an outcome before the share is judged.",
            label="Judge that after this number of devices",
            metavar="N",
            at_least=1,
            is_rare=True,
        ),
    ] = 100


def canary_ranks(total: int, wanted: int) -> tuple[int, ...]:
    """The places of `wanted` canaries among `total` targets, spread evenly; places count from 0."""
    count = min(wanted, total)
    return tuple((2 * each + 1) * total // (2 * count) for each in range(count))
