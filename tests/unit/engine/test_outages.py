from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.brake import OUTAGE_AFTER
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.outcome import Accepted, Deferred, GraphError, Refused, Uncertain
from orchestrator.engine.outages import Found, Outages, Over, StillOut
from tests.support.builders import a_target

JOB, OTHER = JobNumber(1), JobNumber(2)
UNWELL = Deferred(GraphError("ServiceUnavailable", "", 503))
SILENT = Uncertain(GraphError("AnswerTimedOut", ""))
GONE = Refused(GraphError("ResourceNotFound", "", 404))


@pytest.fixture
def outages() -> Outages:
    return Outages()


def fail(outages: Outages, count: int, *, first: int = 2, attempts: int = 0, job: JobNumber = JOB) -> list[bool]:
    lines = range(first, first + count)
    return [outages.note(job, a_target(line, attempts=attempts), UNWELL) for line in lines]


def test_so_many_devices_in_a_row_are_an_outage_and_what_they_paid_is_given_back(outages: Outages) -> None:
    before = fail(outages, OUTAGE_AFTER - 1)
    was_out = outages.is_out(JOB)
    last = fail(outages, 1, first=90)

    assert not any(before)
    assert not was_out
    assert last == [True]
    assert outages.is_out(JOB)
    assert not outages.is_out(OTHER)
    assert outages.take_news() == {JOB: Found(tuple(range(2, OUTAGE_AFTER + 1)), 0.0)}
    assert outages.take_news() == {}


@pytest.mark.parametrize("word", [Accepted(), GONE], ids=repr)
def test_one_word_of_graph_between_is_enough_to_see_none(outages: Outages, word: Accepted | Refused) -> None:
    fail(outages, OUTAGE_AFTER - 1)
    outages.note(JOB, a_target(50), word)
    fail(outages, OUTAGE_AFTER - 1, first=60)

    assert not outages.is_out(JOB)


def test_devices_that_failed_before_are_no_sign_of_an_outage(outages: Outages) -> None:
    charged = [any(fail(outages, 5, attempts=attempts)) for attempts in range(1, 20)]

    assert not any(charged)
    assert not outages.is_out(JOB)


def test_a_429_between_neither_ends_a_row_nor_lengthens_it(outages: Outages) -> None:
    throttled = Deferred(GraphError("TooManyRequests", "", 429), closes_lane=True)
    fail(outages, OUTAGE_AFTER - 1)
    outages.note(JOB, a_target(70), throttled)
    was_out = outages.is_out(JOB)
    fail(outages, 1, first=80)

    assert not was_out
    assert outages.is_out(JOB)


def test_what_was_on_its_way_when_it_began_pays_nothing_and_is_no_probe(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    outages.take_news()

    free = [outages.note(JOB, a_target(line), SILENT) for line in range(100, 110)]

    assert all(free)
    assert outages.take_news() == {}


def test_a_probe_that_fails_is_news_and_one_that_is_answered_ends_it(outages: Outages) -> None:
    outages.note_claim(JOB, is_probe=True)
    wait = Deferred(GraphError("ServiceUnavailable", "", 503), timedelta(seconds=30))
    failed = outages.note(JOB, a_target(2), wait, is_probe=True)
    news = outages.take_news()
    answered = outages.note(JOB, a_target(3), GONE, is_probe=True)

    assert (failed, news) == (True, {JOB: StillOut(30.0)})
    assert (answered, outages.take_news()) == (False, {JOB: Over()})
    assert not outages.is_out(JOB)


def test_a_late_answer_ends_it_too(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)

    outages.note(JOB, a_target(99), Accepted())

    assert outages.take_news() == {JOB: Over()}


def test_a_claim_tells_that_others_found_graph_back_but_does_not_undo_what_is_unwritten(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    outages.note_claim(JOB, is_probe=False)
    still = outages.is_out(JOB)
    outages.take_news()
    outages.note_claim(JOB, is_probe=False)

    assert still
    assert not outages.is_out(JOB)


def test_news_that_could_not_be_written_waits_behind_newer_news(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    fail(outages, OUTAGE_AFTER, job=OTHER)
    unwritten = outages.take_news()
    outages.note(JOB, a_target(99), Accepted())

    outages.put_back(unwritten)

    assert outages.take_news() == {JOB: Over(), OTHER: unwritten[OTHER]}


def test_what_others_found_is_seen_in_the_database_unless_news_of_ours_is_unwritten(outages: Outages) -> None:
    outages.note_seen({JOB: True, OTHER: False})
    found = (outages.is_out(JOB), outages.is_out(OTHER))
    outages.note_seen({JOB: False})
    back = outages.is_out(JOB)
    fail(outages, OUTAGE_AFTER)
    outages.note_seen({JOB: False})

    assert found == (True, False)
    assert not back
    assert outages.is_out(JOB)
