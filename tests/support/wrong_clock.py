"""`python -m tests.support.wrong_clock SECONDS …`: `muster …` on a machine whose clock is wrong by so much."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from orchestrator.__main__ import main
from orchestrator.engine.system_clock import SystemClock


def set_clock_wrong(by: float) -> None:
    """Everything in this process that asks for the time of day is told another."""
    right = time.time
    time.time = lambda: right() + by
    SystemClock.now = lambda _: datetime.now(UTC) + timedelta(seconds=by)  # type: ignore[assignment, method-assign] # the point of it


if __name__ == "__main__":
    set_clock_wrong(float(sys.argv[1]))
    sys.argv = ["muster", *sys.argv[2:]]
    sys.exit(main())
