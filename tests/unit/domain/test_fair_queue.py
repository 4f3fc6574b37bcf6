from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.batch import BATCH_SIZE
from orchestrator.domain.batching import Batching, together
from orchestrator.domain.fair_queue import FairQueue, QueuePlace
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT

WEIGHTS = st.lists(st.sampled_from([1, 4, 16]), min_size=1, max_size=8)


@given(WEIGHTS, st.integers(1, 5))
def test_calls_are_shared_by_weight_and_nobody_starves(weights: list[int], block: int) -> None:
    queue = FairQueue()
    queue.replace(QueuePlace(JobNumber(number), 0.0, weight) for number, weight in enumerate(weights))
    served: Counter[JobNumber] = Counter()

    for _ in range(2000):
        job = queue.first()
        assert job is not None
        served[job] += block
        queue.charge(job, block)

    for number, weight in enumerate(weights):
        share = 2000 * block * weight / sum(weights)
        assert served[JobNumber(number)] == pytest.approx(share, abs=block * 17)


def test_what_has_nothing_due_is_passed_over_until_it_has() -> None:
    queue = FairQueue()
    one, other = QueuePlace(JobNumber(1), 0.0, 4), QueuePlace(JobNumber(2), 5.0, 4)
    queue.replace([one, other])

    queue.drop(one.job)
    queue.correct(one)
    without = queue.first()
    queue.replace([one, other])

    assert (without, queue.first()) == (other.job, one.job)


@given(
    WEIGHTS,
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 40)), max_size=60),
    st.integers(1, 50),
)
def test_whoever_comes_back_shares_with_the_others_from_its_first_call_on(
    weights: list[int], changes: list[tuple[int, bool, int]], block: int
) -> None:
    lane = _Lane(weights)

    for job, is_due, calls in changes:
        lane.look({job % len(weights): is_due})
        for _ in range(calls):
            lane.serve(block)

        for one, other in combinations(lane.due, 2):
            # However often others came and went meanwhile.
            since = max(lane.due_since[one], lane.due_since[other])
            shares = [lane.served(each, since=since) / weights[each] for each in (one, other)]
            assert abs(shares[0] - shares[1]) <= block / weights[one] + block / weights[other] + 1e-6


class _Lane:
    """One lane as one process drives it, with what the database keeps of each job's place."""

    def __init__(self, weights: list[int]) -> None:
        self.due: set[int] = set()
        self.due_since: dict[int, int] = {}
        self._weights, self._places = weights, [0.0] * len(weights)
        self._log: list[tuple[int, int]] = []
        self._queue = FairQueue()
        self.look(dict.fromkeys(range(len(weights)), True))

    def look(self, changes: dict[int, bool]) -> None:
        for job, is_due in changes.items():
            if is_due and job not in self.due:
                self.due_since[job] = len(self._log)
            (self.due.add if is_due else self.due.discard)(job)
        self._queue.replace(self._turn(job) for job in self.due)

    def serve(self, calls: int) -> None:
        job = self._queue.first()
        if job is not None:
            self._queue.charge(job, calls)
            self._places[job] = self._turn(job).not_before(self._queue.start(job)).after(calls).virtual_time
            self._queue.correct(self._turn(job))
            self._log.append((job, calls))

    def served(self, job: int, *, since: int) -> int:
        return sum(calls for each, calls in self._log[since:] if each == job)

    def _turn(self, job: int) -> QueuePlace:
        return QueuePlace(JobNumber(job), self._places[job], self._weights[job])


def test_a_process_that_has_just_started_sees_by_the_others_who_had_nothing_due() -> None:
    queue = FairQueue()
    queue.replace([QueuePlace(JobNumber(1), 20.0, 4), QueuePlace(JobNumber(2), 100_000.0, 4)])
    alone = 0

    while queue.first() == 1:
        queue.charge(JobNumber(1), 20)
        alone += 20

    assert alone <= BATCH_SIZE + 20


def test_another_weight_counts_from_the_next_call() -> None:
    queue = FairQueue()
    queue.replace([QueuePlace(JobNumber(1), 10.0, 4), QueuePlace(JobNumber(2), 10.5, 4)])

    queue.correct(QueuePlace(JobNumber(2), 10.5, 16))
    queue.charge(JobNumber(1), 4)
    queue.charge(JobNumber(2), 4)

    assert queue.first() == JobNumber(2)


@pytest.mark.parametrize(
    ("batching", "limit", "lanes", "round_trip", "expected"),
    [
        (Batching.OFF, None, 1000, 5.0, 1),
        (Batching.ON, None, 1, 0.0, 20),
        (Batching.ON, GRAPH_WRITE_LIMIT, 1, 0.0, 20),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 0.1, 1),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 30.0, 1),  # 300 under way are less than the 400 that may be
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 100.0, 3),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1000, 0.1, 20),
        (Batching.AUTO, None, 1, 0.0, 1),
        (Batching.AUTO, None, 1, 0.05, 20),
    ],
)
def test_envelopes_are_taken_where_they_pay(
    batching: Batching, limit: object, lanes: int, round_trip: float, expected: int
) -> None:
    chosen = together(batching, limit, lanes=lanes, round_trip=round_trip, at_once=400)  # type: ignore[arg-type]

    assert chosen == expected


def test_workers_that_draw_whole_batches_before_they_hear_of_each_other_keep_to_the_weights() -> None:
    high, low = JobNumber(1), JobNumber(2)
    weights, passed = {high: 16, low: 1}, {high: 0.0, low: 0.0}
    served: Counter[JobNumber] = Counter()
    workers = [FairQueue(16 * BATCH_SIZE) for _ in range(8)]

    for _ in range(400):
        draws = []
        for queue in workers:
            queue.replace(QueuePlace(job, place, weights[job]) for job, place in passed.items())
            if (job := queue.first()) is not None:
                draws.append((queue, job))
        for queue, job in draws:
            passed[job] = max(passed[job], queue.start(job)) + BATCH_SIZE / weights[job]
            served[job] += BATCH_SIZE

    assert served[high] / served[low] == pytest.approx(16, rel=0.1)
