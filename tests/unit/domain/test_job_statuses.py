from __future__ import annotations

import pytest

from orchestrator.domain.job import JobStatus, Priority, Tally, shown_status
from orchestrator.domain.target import TargetStatus


@pytest.mark.parametrize(
    ("stored", "tally", "shown"),
    [
        (JobStatus.PAUSED, Tally(waiting=5), JobStatus.PAUSED),
        (JobStatus.PAUSED, Tally(waiting=5, sending=1), JobStatus.PAUSING),
        (JobStatus.CANCELLED, Tally(cancelled=5), JobStatus.CANCELLED),
        (JobStatus.CANCELLED, Tally(cancelled=4, sending=1), JobStatus.CANCELLING),
        (JobStatus.CANCELLED, Tally(cancelled=4, waiting=1), JobStatus.CANCELLING),
        (JobStatus.RUNNING, Tally(sending=1), JobStatus.RUNNING),
        (JobStatus.STOPPED, Tally(sending=1, waiting=1), JobStatus.STOPPED),
        (JobStatus.FINISHED, Tally(accepted=1), JobStatus.FINISHED),
    ],
)
def test_a_job_that_still_lets_go_says_so(stored: JobStatus, tally: Tally, shown: JobStatus) -> None:
    assert shown_status(stored, tally) is shown


def test_a_tally_adds_up() -> None:
    tally = Tally(waiting=1, sending=2, accepted=3, failed=4, uncertain=5, cancelled=6)

    assert tally.total == 21
    assert tally.settled == 18
    assert (tally + tally).total == 42


def test_only_waiting_and_sending_targets_change_any_more() -> None:
    assert {status for status in TargetStatus if not status.is_final} == {TargetStatus.WAITING, TargetStatus.SENDING}


def test_a_higher_priority_weighs_more_and_none_weighs_nothing() -> None:
    assert 0 < Priority.LOW.weight < Priority.NORMAL.weight < Priority.HIGH.weight
