from __future__ import annotations

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.domain.batch import split
from orchestrator.domain.device import BadId, Device, Via, parse_id
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.domain.retry import Again, Halt, Settle, next_step
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetStatus

columns = st.sampled_from(sorted({column for via in Via for column in via.columns}))
counts = st.integers(0, 10**6)
tallies = st.builds(Tally, counts, counts, counts, counts, counts, counts)
errors = st.builds(GraphError, st.just("Code"), st.just("message"), st.none() | st.integers(200, 599))
waits = st.none() | st.timedeltas(timedelta(0), timedelta(hours=1))
outcomes: st.SearchStrategy[Outcome] = (
    st.builds(Accepted, st.none() | st.just("r"))
    | st.builds(Refused, errors, st.booleans())
    | st.builds(Deferred, errors, waits, st.booleans(), st.booleans())
    | st.builds(Uncertain, errors, st.booleans())
    | st.builds(Barred, errors, st.sampled_from(Bar))
)


@given(st.lists(st.integers()), st.integers(1, 50))
def test_splitting_loses_nothing_and_adds_nothing(targets: list[int], size: int) -> None:
    batches = split(targets, size)

    assert [target for batch in batches for target in batch] == targets
    assert all(1 <= len(batch) <= size for batch in batches)


@given(columns, st.text() | st.uuids().map(str) | st.uuids().map(lambda guid: f" {{{str(guid).upper()}}}"))
def test_the_canonical_form_of_an_id_is_its_own_canonical_form(column: str, text: str) -> None:
    canonical = parse_id(column, text)
    assume(not isinstance(canonical, BadId))

    assert isinstance(canonical, str)
    assert parse_id(column, canonical) == canonical


@given(st.sampled_from(Via), st.data())
def test_a_device_of_parsed_ids_comes_back_from_its_key(via: Via, data: st.DataObject) -> None:
    ids = []
    for column in via.columns:
        parsed = parse_id(column, data.draw(st.uuids().map(str) | st.text(max_size=40)))
        assume(isinstance(parsed, str))
        ids.append(str(parsed))
    device = Device(tuple(ids))

    assert Device.from_key(device.key) == device


@given(st.lists(tallies, max_size=10))
def test_the_tally_of_all_is_the_sum_of_the_tallies(each: list[Tally]) -> None:
    whole = sum(each, start=Tally())

    assert whole.total == sum(tally.total for tally in each)
    assert whole.total == whole.waiting + whole.sending + whole.settled


@given(
    answers=st.lists(outcomes, min_size=8, max_size=8),
    attempts=st.integers(1, 6),
    repeatable=st.booleans(),
    jitter=st.floats(0, 1),
)
def test_whatever_graph_answers_a_target_ends_within_its_attempts_and_never_lies(
    *, answers: list[Outcome], attempts: int, repeatable: bool, jitter: float
) -> None:
    policy = RetryPolicy(attempts=attempts)
    used, doubtful, unheard, may_have_happened = 0, False, False, False
    for answer in answers:
        used += 1
        step = next_step(policy, answer, used=used, repeatable=repeatable, jitter=jitter, doubtful=doubtful)
        unheard |= isinstance(answer, Uncertain)
        may_have_happened |= unheard or (isinstance(answer, Deferred) and answer.may_have_happened)
        match step:
            case Again(wait, _, in_doubt, counted, charged):
                assert 0 <= wait <= 3601
                assert repeatable or not may_have_happened
                doubtful |= in_doubt
                used -= 0 if counted and charged else 1
            case Settle(status):
                assert (status is TargetStatus.ACCEPTED) is isinstance(answer, Accepted)
                # What Graph itself called a failure each time is one, unless it would cost too much to be wrong.
                assert status is not TargetStatus.FAILED or not (unheard if repeatable else may_have_happened)
                assert used <= attempts
                return
            case Halt():
                return
    assert used < attempts
