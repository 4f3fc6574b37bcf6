"""Requests at once follow the latency, within bounds."""

from __future__ import annotations

import pytest

from orchestrator.domain.concurrency import AT_ONCE, MOST_AT_ONCE, requests_at_once


@pytest.mark.parametrize(
    ("round_trip", "requests"),
    [(0.0, AT_ONCE), (0.01, AT_ONCE), (0.1, 250), (0.15, 375), (1.0, MOST_AT_ONCE), (30.0, MOST_AT_ONCE)],
)
def test_slow_answers_let_more_requests_be_on_their_way(round_trip: float, requests: int) -> None:
    assert requests_at_once(round_trip) == requests
