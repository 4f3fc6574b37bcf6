from __future__ import annotations

from orchestrator.throttle.adaptation import FIRST_CUT, NOTHING, after_refusal


def test_a_keeper_that_hears_of_refusals_and_grants_nothing_keeps_a_share_to_begin_with() -> None:
    learned, now = NOTHING, 1000.0

    for _ in range(6):
        learned = after_refusal(learned, now, 2.0, 200, 20.0)
        now += 55.0

    assert learned.share >= FIRST_CUT
