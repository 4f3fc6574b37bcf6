from __future__ import annotations

import uuid

import pytest

from orchestrator.domain.batch import BATCH_SIZE, split
from orchestrator.domain.error_groups import ErrorCount
from orchestrator.domain.ids import JobId, client_request_id


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(0, 5, []), (1, 5, [1]), (5, 5, [5]), (6, 5, [5, 1]), (11, 5, [5, 5, 1]), (BATCH_SIZE + 1, BATCH_SIZE, [500, 1])],
)
def test_batches_are_full_but_for_the_last(count: int, size: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in split(range(count), size)] == sizes


def test_error_counts_add_up_and_keep_an_example() -> None:
    assert ErrorCount(2) + ErrorCount(3, "r") == ErrorCount(5, "r")
    assert ErrorCount(2, "first") + ErrorCount(3, "r") == ErrorCount(5, "first")


def test_every_attempt_has_a_request_id_of_its_own_that_can_be_named_again() -> None:
    attempts = [
        (JobId(job), line, attempt) for job in ("j1", "j2") for line in (1, 11, 111) for attempt in (1, 11, 111)
    ]

    ids = [client_request_id(*attempt) for attempt in attempts]

    assert len(set(ids)) == len(attempts)
    assert ids == [client_request_id(*attempt) for attempt in attempts]
    assert all(str(uuid.UUID(each)) == each for each in ids)
