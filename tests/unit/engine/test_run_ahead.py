from __future__ import annotations

import pytest

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.circuit_breaker import CAUTIOUS, LATEST
from orchestrator.engine.run_ahead import RunAhead


@pytest.fixture
def run_ahead() -> RunAhead:
    return RunAhead()


def end(run_ahead: RunAhead, *, errors: int = 0, good: int = 0) -> None:
    for _ in range(errors):
        run_ahead.add(is_error=True)
    run_ahead.add_good(good)


def test_a_job_without_errors_has_all_the_room_there_is(run_ahead: RunAhead) -> None:
    end(run_ahead, good=1000)

    assert run_ahead.room(5000, 256) == 256
    assert not run_ahead.is_limited
    assert run_ahead.unjudged == 0


def test_one_error_among_many_narrows_nothing(run_ahead: RunAhead) -> None:
    end(run_ahead, good=1000)
    end(run_ahead, errors=1)

    assert run_ahead.room(5000, 256) == 256


def test_a_job_that_fares_badly_lets_few_calls_run_ahead_of_its_brake(run_ahead: RunAhead) -> None:
    end(run_ahead, errors=10)

    assert run_ahead.is_limited
    assert run_ahead.room(0, 256) == CAUTIOUS - 10
    assert run_ahead.room(7, 256) == CAUTIOUS - 17
    assert run_ahead.room(64, 256) == 0


def test_what_was_judged_makes_room_and_what_ended_meanwhile_does_not(run_ahead: RunAhead) -> None:
    end(run_ahead, errors=10)
    looked_at = run_ahead.unjudged
    end(run_ahead, errors=3)

    run_ahead.mark_judged(looked_at)

    assert run_ahead.room(0, 256) == CAUTIOUS - 3


def test_good_devices_open_it_again(run_ahead: RunAhead) -> None:
    end(run_ahead, errors=10)
    end(run_ahead, good=LATEST)

    assert run_ahead.room(64, 256) == 256
    assert run_ahead.unjudged == 0


@pytest.mark.parametrize(("share", "is_limited"), [(1, True), (25, False), (100, False)])
def test_how_many_errors_are_too_many_is_the_brakes_to_say(
    run_ahead: RunAhead, share: int, *, is_limited: bool
) -> None:
    end(run_ahead, errors=2, good=10)

    run_ahead.judge_by(BrakeOptions(share=share))

    assert run_ahead.is_limited is is_limited


def test_a_job_that_is_never_braked_is_never_waited_with(run_ahead: RunAhead) -> None:
    end(run_ahead, errors=1)
    run_ahead.judge_by(BrakeOptions(share=100))
    end(run_ahead, errors=200)

    assert run_ahead.room(500, 256) == 256
