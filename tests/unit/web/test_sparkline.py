"""The failures of an error group over the time of a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.error_groups import ErrorGroup
from orchestrator.domain.target import TargetStatus
from orchestrator.web.sparkline import BUCKETS, HEIGHT, sparklines

BEGIN = datetime(2026, 11, 28, 2, tzinfo=UTC)
BUSY, GONE = ErrorGroup(TargetStatus.FAILED, 503, "busy"), ErrorGroup(TargetStatus.FAILED, 404, "gone")


def test_each_group_has_bars_of_its_own_scale_within_the_drawing() -> None:
    end = BEGIN + timedelta(seconds=BUCKETS)
    busy = [(BUSY, BEGIN + timedelta(seconds=second)) for second in (0, 0, 0, 0, 7)]
    outside = [(GONE, BEGIN - timedelta(seconds=5)), (GONE, end + timedelta(seconds=5))]

    found = sparklines([*busy, *outside], BEGIN, end)

    assert [(bar.x, bar.failures, bar.height) for bar in found[BUSY]] == [(0, 4, HEIGHT), (7, 1, HEIGHT / 4)]
    assert [bar.x for bar in found[GONE]] == [0, BUCKETS - 1]
    assert all(bar.y + bar.height == HEIGHT for bars in found.values() for bar in bars)


def test_a_job_of_one_moment_has_one_bar() -> None:
    assert len(sparklines([(BUSY, BEGIN)], BEGIN, BEGIN)[BUSY]) == 1
