from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from workers.watchdog import STILL_TICKS, watch


@dataclass
class Life:
    """Steps at each tick, until it is told to stop."""

    steps: list[int]
    ended: int = 0
    ticks: int = field(default=0)

    def taken(self) -> int:
        return self.steps[min(self.ticks, len(self.steps) - 1)]

    def wait(self, timeout: float) -> bool:
        assert timeout > 0
        self.ticks += 1
        return self.ticks >= len(self.steps)

    def end(self) -> None:
        self.ended += 1


def lived(steps: Iterator[int] | list[int]) -> Life:
    life = Life(list(steps))
    watch(life.taken, life, life.end)
    return life


def test_a_driver_that_takes_steps_is_left_alone_however_seldom_they_come() -> None:
    seldom = [tick // (STILL_TICKS - 1) for tick in range(200)]

    assert lived(seldom).ended == 0


def test_one_that_stands_still_for_a_minute_is_ended_once() -> None:
    life = lived([7] * 200)

    assert life.ended == 1
    assert life.ticks == STILL_TICKS


def test_one_that_is_told_to_stop_in_time_ends_by_itself() -> None:
    assert lived([7] * STILL_TICKS).ended == 0
