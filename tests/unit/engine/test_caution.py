from __future__ import annotations

import pytest

from orchestrator.domain.circuit_breaker import CAUTIOUS, LATEST, BrakeOptions
from orchestrator.domain.ids import JobNumber
from orchestrator.engine.caution import Caution

JOB, OTHER = JobNumber(1), JobNumber(2)


@pytest.fixture
def caution() -> Caution:
    return Caution()


def end(caution: Caution, *, errors: int = 0, good: int = 0) -> None:
    for _ in range(errors):
        caution.add(JOB, is_error=True)
    caution.add_good(JOB, good)


def test_a_job_without_errors_has_all_the_room_there_is(caution: Caution) -> None:
    end(caution, good=1000)

    assert caution.room(JOB, 5000, 256) == 256
    assert not caution.is_cautious(JOB)
    assert caution.unjudged() == {}


def test_one_error_among_many_narrows_nothing(caution: Caution) -> None:
    end(caution, good=1000)
    end(caution, errors=1)

    assert caution.room(JOB, 5000, 256) == 256


def test_a_job_that_fares_badly_lets_few_calls_run_ahead_of_its_brake(caution: Caution) -> None:
    end(caution, errors=10)

    assert caution.is_cautious(JOB)
    assert caution.room(JOB, 0, 256) == CAUTIOUS - 10
    assert caution.room(JOB, 7, 256) == CAUTIOUS - 17
    assert caution.room(JOB, 64, 256) == 0
    assert caution.room(OTHER, 64, 256) == 256


def test_what_was_judged_makes_room_and_what_ended_meanwhile_does_not(caution: Caution) -> None:
    end(caution, errors=10)
    looked_at = caution.unjudged()
    end(caution, errors=3)

    caution.mark_judged(looked_at)

    assert caution.room(JOB, 0, 256) == CAUTIOUS - 3


def test_good_devices_open_it_again(caution: Caution) -> None:
    end(caution, errors=10)
    end(caution, good=LATEST)

    assert caution.room(JOB, 64, 256) == 256
    assert caution.unjudged() == {}


@pytest.mark.parametrize(("share", "is_cautious"), [(1, True), (25, False), (100, False)])
def test_how_many_errors_are_too_many_is_the_brakes_to_say(caution: Caution, share: int, *, is_cautious: bool) -> None:
    end(caution, errors=2, good=10)

    caution.judge_by(JOB, BrakeOptions(share=share))

    assert caution.is_cautious(JOB) is is_cautious


def test_a_job_that_is_never_braked_is_never_waited_with(caution: Caution) -> None:
    end(caution, errors=1)
    caution.judge_by(JOB, BrakeOptions(share=100))
    end(caution, errors=200)

    assert caution.room(JOB, 500, 256) == 256


def test_a_job_that_nothing_is_held_of_is_forgotten(caution: Caution) -> None:
    end(caution, errors=10)

    caution.keep([OTHER])

    assert not caution.is_cautious(JOB)
    assert caution.unjudged() == {}
