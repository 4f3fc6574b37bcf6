from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.brake_options import BrakeOptions, canary_ranks
from orchestrator.domain.circuit_breaker import (
    CAUTIOUS,
    DOUBTFUL_PATIENCE,
    LATEST,
    LONGEST_PROBE_PAUSE,
    OUTAGE_PATIENCE,
    Braked,
    FailureClass,
    GoOn,
    OutcomeWindow,
    failure_class,
    is_unwell,
    is_word,
    judge,
    most_ahead,
    outage_found,
    patience_with,
    window_of,
)
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.domain.target import LOST_CALL, TargetStatus
from tests.support.builders import NOW

OPTIONS = BrakeOptions(share=25, sample=100)
NOTHING = OutcomeWindow(0, 0)
FAILED, UNCERTAIN = TargetStatus.FAILED, TargetStatus.UNCERTAIN


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (ErrorGroup(FAILED, 404, "ResourceNotFound"), FailureClass.DEVICE),
        (ErrorGroup(FAILED, 410, "Gone"), FailureClass.DEVICE),
        (ErrorGroup(FAILED, 400, "BadRequest"), FailureClass.DEVICE),
        (ErrorGroup(FAILED, 400, "notSupported"), FailureClass.DEVICE),
        (ErrorGroup(FAILED, 501, "NotImplemented"), FailureClass.DEVICE),
        (ErrorGroup(FAILED, 400, "InternalError"), FailureClass.ERROR),
        (ErrorGroup(FAILED, 409, "Conflict"), FailureClass.ERROR),
        (ErrorGroup(FAILED, 503, "ServiceUnavailable"), FailureClass.ERROR),
        (ErrorGroup(UNCERTAIN, 200, "HTTP200"), FailureClass.ERROR),
        (ErrorGroup(UNCERTAIN, None, "ConnectionLost"), FailureClass.ERROR),
        (ErrorGroup(UNCERTAIN, None, "CallBroke"), FailureClass.ERROR),
        (ErrorGroup(UNCERTAIN, None, LOST_CALL), FailureClass.OURS),
        (ErrorGroup(UNCERTAIN, None, "Interrupted"), FailureClass.OURS),
    ],
)
def test_a_failure_is_of_the_device_of_ours_or_a_true_error(group: ErrorGroup, said: FailureClass) -> None:
    assert failure_class(group) is said


def test_the_window_counts_what_was_called_and_has_ended() -> None:
    errors = {
        ErrorGroup(FAILED, 404, "ResourceNotFound"): ErrorCount(5),
        ErrorGroup(FAILED, 409, "Conflict"): ErrorCount(3),
        ErrorGroup(UNCERTAIN, None, LOST_CALL): ErrorCount(2),
    }

    window = window_of(Tally(waiting=50, sending=4, accepted=20, failed=8, uncertain=2, cancelled=7), errors)

    assert window == OutcomeWindow(ended=28, errors=3)


@pytest.mark.parametrize(
    ("window", "brakes"),
    [
        (OutcomeWindow(99, 99), False),
        (OutcomeWindow(100, 25), False),
        (OutcomeWindow(100, 26), True),
        (OutcomeWindow(400, 100), False),
        (OutcomeWindow(400, 101), True),
    ],
)
def test_more_than_the_share_stops_the_job_once_the_sample_has_ended(window: OutcomeWindow, *, brakes: bool) -> None:
    verdict = judge(window, NOTHING, OPTIONS)

    assert isinstance(verdict, Braked) is brakes


def test_what_was_forgiven_is_not_judged_again() -> None:
    assert judge(OutcomeWindow(150, 60), OutcomeWindow(100, 60), OPTIONS) == GoOn(OutcomeWindow(100, 60))


def test_a_hundred_percent_never_stops() -> None:
    assert isinstance(judge(OutcomeWindow(5000, 5000), NOTHING, BrakeOptions(100, 1)), GoOn)


def test_a_graph_that_turns_bad_after_a_good_night_is_noticed_soon() -> None:
    ended, since = 0, NOTHING
    while ended < 50_000:
        ended += 20
        verdict = judge(OutcomeWindow(ended, 0), since, OPTIONS)
        assert isinstance(verdict, GoOn)
        since = verdict.since

    refused = 0
    while not isinstance(verdict := judge(OutcomeWindow(ended + refused, refused), since, OPTIONS), Braked):
        since, refused = verdict.since, refused + 1

    assert refused < 1000


@given(
    st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1)), max_size=60),
    st.integers(1, 100),
    st.integers(1, 500),
)
def test_the_brake_never_stops_a_job_below_its_share_or_before_its_sample(
    steps: list[tuple[int, float]], share: int, sample: int
) -> None:
    now, since = NOTHING, NOTHING
    for ended, bad in steps:
        now += OutcomeWindow(ended, round(ended * bad))
        verdict = judge(now, since, BrakeOptions(share, sample))
        if isinstance(verdict, Braked):
            assert verdict.window.ended >= sample
            assert verdict.window.errors / verdict.window.ended > share / 100
            return
        since = verdict.since
        assert 0 <= since.errors <= now.errors
        assert 0 <= since.ended <= now.ended


def test_canaries_stand_in_the_middle_of_the_parts_that_they_speak_for() -> None:
    assert canary_ranks(1200, 12) == tuple(50 + 100 * each for each in range(12))


@given(st.integers(1, 5000), st.integers(1, 300))
def test_canaries_are_distinct_and_spread_over_the_whole_list(total: int, wanted: int) -> None:
    ranks = canary_ranks(total, wanted)

    assert len(set(ranks)) == min(total, wanted)
    assert ranks == tuple(sorted(ranks))
    assert all(0 <= rank < total for rank in ranks)
    edges = [-1, *ranks, total]
    assert max(later - earlier for earlier, later in pairwise(edges)) <= total // len(ranks) + 2


WORDS = [Accepted(), Refused(GraphError("ResourceNotFound", "", 404)), Deferred(GraphError("Locked", "", 423))]
UNWELL = [
    Deferred(GraphError("ServiceUnavailable", "", 503)),
    Deferred(GraphError("InternalServerError", "", 500), may_have_happened=True),
    Uncertain(GraphError("AnswerTimedOut", "")),
    Uncertain(GraphError("GatewayTimeout", "", 504)),
]
NEITHER = [
    Deferred(GraphError("TooManyRequests", "", 429), closes_lane=True),
    Deferred(GraphError("ConnectFailed", "")),
    Deferred(GraphError("InvalidAuthenticationToken", "", 401)),
    Barred(GraphError("Forbidden", "", 403), Bar.PERMISSION_MISSING),
]


@pytest.mark.parametrize("outcome", [*WORDS, *UNWELL, *NEITHER], ids=repr)
def test_graph_is_unwell_or_spoke_or_neither(outcome: Outcome) -> None:
    assert is_unwell(outcome) is (outcome in UNWELL)
    assert is_word(outcome) is (outcome in WORDS)


def test_an_outage_is_probed_at_growing_intervals_and_never_sooner_than_it_asked() -> None:
    outage, pauses, now = outage_found(NOW, 0.0), [], NOW
    for _ in range(8):
        pauses.append((outage.probe_at - now).total_seconds())
        now = outage.probe_at
        longer = outage.after_probe(now, 0.0, OUTAGE_PATIENCE)
        assert longer is not None
        outage = longer

    assert pauses == [2, 4, 8, 16, 32, *[LONGEST_PROBE_PAUSE] * 3]
    assert outage_found(NOW, 90.0).probe_at == NOW + timedelta(seconds=90)


def test_an_outage_is_not_waited_out_for_ever() -> None:
    outage = outage_found(NOW, 0.0)

    assert outage.after_probe(NOW + OUTAGE_PATIENCE, 0.0, OUTAGE_PATIENCE) is not None
    assert outage.after_probe(NOW + OUTAGE_PATIENCE + timedelta(seconds=1), 0.0, OUTAGE_PATIENCE) is None


@pytest.mark.parametrize(
    ("http_status", "accepted_before", "patience"),
    [
        (503, False, OUTAGE_PATIENCE),
        (504, False, OUTAGE_PATIENCE),
        (None, False, OUTAGE_PATIENCE),
        (500, True, OUTAGE_PATIENCE),
        (500, False, DOUBTFUL_PATIENCE),
    ],
)
def test_a_500_to_a_job_that_never_worked_is_waited_out_for_less_long(
    http_status: int | None, *, accepted_before: bool, patience: timedelta
) -> None:
    assert patience_with(GraphError("", "", http_status), accepted_before=accepted_before) == patience


@given(st.integers(1, LATEST), st.integers(0, LATEST), st.integers(1, 99))
def test_calls_run_ahead_of_a_brake_only_where_it_would_not_fall(ended: int, errors: int, share: int) -> None:
    latest = OutcomeWindow(ended, min(errors, ended))
    falls = isinstance(judge(latest, NOTHING, BrakeOptions(share, 1)), Braked)

    assert most_ahead(latest, share) == (CAUTIOUS if falls else None)
