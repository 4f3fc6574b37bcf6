"""When a schedule is due, against an oracle that looks at every minute; `make zones` tries every transition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.recurrence import Cron, Every, first_occurrences
from tests.support.cron_oracle import (
    TABLE,
    Span,
    all_zones,
    expected,
    mismatch,
    mismatches,
    random_span,
    transition_spans,
)

ODD = (
    "Africa/Casablanca",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
)


@pytest.mark.parametrize("zone", ODD)
def test_around_transitions_of_an_odd_zone_no_moment_is_missing_or_invented(zone: str) -> None:
    spans = transition_spans([zone])

    assert list(mismatches(Random(f"{zone}").sample(spans, 1))) == []


def test_around_transitions_of_any_zone_no_moment_is_missing_or_invented() -> None:
    chance = Random(20)
    spans = transition_spans(chance.sample(all_zones(), 16))

    assert list(mismatches(chance.sample(spans, 8))) == []


def test_between_transitions_no_moment_is_missing_or_invented() -> None:
    chance = Random(21)

    assert list(mismatches(random_span(chance) for _ in range(20))) == []


def test_the_oracle_would_see_an_hour_that_is_left_out_and_one_that_comes_twice() -> None:
    span = Span("Europe/Berlin", datetime(2026, 10, 23, tzinfo=UTC), 4 * 24 * 60)
    nightly, hourly = TABLE[1], TABLE[4]
    as_if_fixed = Cron("30 2 * * *", "UTC")

    walls = span.walls()

    assert mismatch(nightly, span, walls) is None
    assert [instant.at for instant in first_occurrences(as_if_fixed, walls[0][0], 3)] != expected(nightly, walls)[:3]
    assert len(expected(hourly, walls)) == 95


@given(
    st.sampled_from(ODD),
    st.sampled_from([meaning.expression for meaning in TABLE]),
    st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - Hypothesis adds the zone
)
def test_moments_come_in_order_each_once_wherever_one_begins_to_look(
    zone: str, expression: str, naive: datetime
) -> None:
    after = naive.replace(tzinfo=UTC)

    occurrences = [instant.at for instant in first_occurrences(Cron(expression, zone), after, 6)]
    again = [instant.at for instant in first_occurrences(Cron(expression, zone), occurrences[2], 3)]

    assert occurrences == sorted(set(occurrences))
    assert occurrences[0] > after
    assert again == occurrences[3:]


@given(
    st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
    st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - as above
    st.timedeltas(timedelta(0), timedelta(days=3000)),
)
def test_every_so_often_never_pauses_and_never_doubles(interval: timedelta, naive: datetime, later: timedelta) -> None:
    beginning = naive.replace(tzinfo=ZoneInfo("Antarctica/Troll")).astimezone(UTC)
    every = Every(interval, beginning, "Antarctica/Troll")

    occurrences = [instant.at for instant in first_occurrences(every, beginning + later, 4)]

    assert occurrences[0] - (beginning + later) <= interval
    assert {second - first for first, second in pairwise(occurrences)} == {interval}
