from __future__ import annotations

from orchestrator.http.sign_in_limits import Attempts, OneTimeLink
from tests.support.clock import ManualClock


def test_a_link_is_taken_once_and_a_wrong_token_does_not_use_it_up() -> None:
    link = OneTimeLink()

    assert [link.redeem("wrong"), link.redeem(link.token), link.redeem(link.token)] == [False, True, False]


def test_after_too_many_failures_an_origin_waits_and_others_do_not(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for _ in range(Attempts.MOST):
        assert attempts.wait_for("10.0.0.1") == 0
        attempts.count("10.0.0.1")
        clock.advance(seconds=1)

    waits = attempts.wait_for("10.0.0.1")
    clock.advance(seconds=waits)

    assert waits == Attempts.WITHIN - Attempts.MOST
    assert attempts.wait_for("10.0.0.2") == 0
    assert attempts.wait_for("10.0.0.1") == 0


def test_many_origins_are_not_remembered_for_ever(clock: ManualClock) -> None:
    attempts = Attempts(clock)

    for number in range(Attempts._MOST_ORIGINS + 5):
        attempts.count(str(number))

    assert len(attempts._failed) == Attempts._MOST_ORIGINS
