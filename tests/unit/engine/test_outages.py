from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.circuit_breaker import OUTAGE_AFTER
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.outcome import NOT_FROM_GRAPH, Accepted, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.engine.outages import Found, News, Outages, Over, StillOut
from tests.support.builders import a_target

JOB, OTHER = JobNumber(1), JobNumber(2)
UNWELL = Deferred(GraphError("ServiceUnavailable", "", 503))
SILENT = Uncertain(GraphError("AnswerTimedOut", ""))
GONE = Refused(GraphError("ResourceNotFound", "", 404))


@pytest.fixture
def outages() -> Outages:
    return Outages()


def note(
    outages: Outages,
    line: int,
    outcome: Outcome,
    *,
    attempts: int = 0,
    left_at: float | None = None,
    job: JobNumber = JOB,
    is_probe: bool = False,
) -> bool:
    """An answer at once: every call leaves a second after the one of the line before."""
    left_at = float(line) if left_at is None else left_at
    target = a_target(line, attempts=attempts)
    return outages.note(job, target, outcome, left_at=left_at, now=left_at, is_probe=is_probe)


def fail(outages: Outages, count: int, *, first: int = 2, attempts: int = 0, job: JobNumber = JOB) -> list[bool]:
    lines = range(first, first + count)
    return [note(outages, line, UNWELL, attempts=attempts, job=job) for line in lines]


def test_so_many_devices_in_a_row_are_an_outage_and_what_they_paid_is_given_back(outages: Outages) -> None:
    before = fail(outages, OUTAGE_AFTER - 1)
    was_out = outages.is_out(JOB)
    last = fail(outages, 1, first=90)

    assert not any(before)
    assert not was_out
    assert last == [True]
    assert outages.is_out(JOB)
    assert not outages.is_out(OTHER)
    assert outages.take_news() == {JOB: News(Found(0.0, UNWELL.error), tuple(range(2, OUTAGE_AFTER + 1)))}
    assert outages.take_news() == {}


@pytest.mark.parametrize("word", [Accepted(), GONE], ids=repr)
def test_one_word_of_graph_between_is_enough_to_see_none(outages: Outages, word: Accepted | Refused) -> None:
    fail(outages, OUTAGE_AFTER - 1)
    note(outages, 50, word)
    fail(outages, OUTAGE_AFTER - 1, first=60)

    assert not outages.is_out(JOB)


def test_devices_that_failed_before_are_no_sign_of_an_outage(outages: Outages) -> None:
    charged = [any(fail(outages, 5, attempts=attempts)) for attempts in range(1, 20)]

    assert not any(charged)
    assert not outages.is_out(JOB)


def test_a_page_of_a_proxy_uses_up_an_attempt_only_where_other_devices_got_through_since(outages: Outages) -> None:
    page = Deferred(GraphError(NOT_FROM_GRAPH, "a web page", 502), may_have_happened=True)

    uncharged = [note(outages, 7, page, attempts=attempts, left_at=10.0 * attempts) for attempts in range(4)]
    note(outages, 8, Accepted(), left_at=35.0)
    charged = note(outages, 7, page, attempts=4, left_at=40.0)

    assert (uncharged, charged) == ([True] * 4, False)
    assert not outages.is_out(JOB)


def test_a_probe_that_a_proxy_answers_leaves_the_outage_as_it_was(outages: Outages) -> None:
    outages.apply_claim(JOB, is_probe=True, now=1.0)
    page = Deferred(GraphError(NOT_FROM_GRAPH, "a web page", 403))

    note(outages, 7, page, is_probe=True)

    assert outages.is_out(JOB)
    assert outages.take_news() == {JOB: News(StillOut(0.0, page.error))}


def test_a_429_between_neither_ends_a_row_nor_lengthens_it(outages: Outages) -> None:
    throttled = Deferred(GraphError("TooManyRequests", "", 429), closes_lane=True)
    fail(outages, OUTAGE_AFTER - 1)
    note(outages, 70, throttled)
    was_out = outages.is_out(JOB)
    fail(outages, 1, first=80)

    assert not was_out
    assert outages.is_out(JOB)


def test_what_was_on_its_way_when_it_began_pays_nothing_and_is_no_probe(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    outages.take_news()

    free = [note(outages, line, SILENT) for line in range(100, 110)]

    assert all(free)
    assert outages.take_news() == {}


def test_a_probe_that_fails_is_news_and_one_that_is_answered_ends_it(outages: Outages) -> None:
    outages.apply_claim(JOB, is_probe=True, now=1.0)
    wait = Deferred(GraphError("ServiceUnavailable", "", 503), timedelta(seconds=30))
    failed = note(outages, 2, wait, is_probe=True)
    news = outages.take_news()
    answered = note(outages, 3, GONE, is_probe=True)

    assert (failed, news) == (True, {JOB: News(StillOut(30.0, wait.error))})
    assert (answered, outages.take_news()) == (False, {JOB: News(Over())})
    assert not outages.is_out(JOB)


def test_a_word_to_a_call_that_left_before_it_was_found_does_not_end_it(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)

    note(outages, 99, Accepted(), left_at=5.0)

    assert outages.is_out(JOB)
    assert isinstance(outages.take_news()[JOB].change, Found)


def test_late_answers_from_before_it_began_do_not_hide_it(outages: Outages) -> None:
    for line in range(20, 20 + OUTAGE_AFTER):
        note(outages, line, UNWELL)
        note(outages, line - 18, Accepted())

    assert outages.is_out(JOB)
    assert len(outages.take_news()[JOB].forgiven) == OUTAGE_AFTER - 1


def test_what_left_before_a_later_word_is_a_device_that_is_unwell(outages: Outages) -> None:
    note(outages, 50, Accepted())
    fail(outages, 3 * OUTAGE_AFTER)

    assert not outages.is_out(JOB)


def test_what_left_a_moment_before_the_last_word_is_given_back_too(outages: Outages) -> None:
    note(outages, 2, UNWELL, left_at=19.8)
    note(outages, 3, UNWELL, left_at=19.0)
    note(outages, 4, Accepted(), left_at=20.0)
    fail(outages, OUTAGE_AFTER, first=21)

    forgiven = outages.take_news()[JOB].forgiven
    assert 2 in forgiven
    assert 3 not in forgiven


def test_what_others_found_gives_back_what_was_met_here(outages: Outages) -> None:
    fail(outages, 3)
    suspects = outages.suspects

    outages.mark_seen({JOB: True}, 10.0)

    assert suspects == {JOB}
    assert outages.take_news() == {JOB: News(None, (2, 3, 4))}


def test_what_was_met_long_ago_is_forgotten(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER - 1)

    outages.keep([], 1000.0)

    assert not outages.suspects
    assert not any(fail(outages, 1, first=1000))


def test_an_outage_is_forgotten_of_a_job_that_has_no_part_in_it_once_it_is_written_down(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    fail(outages, OUTAGE_AFTER, job=OTHER)

    outages.keep([], 20.0)
    unwritten = outages.is_out(JOB)
    outages.take_news()
    outages.keep([OTHER], 20.0)

    assert unwritten
    assert not outages.is_out(JOB)
    assert outages.is_out(OTHER)


def test_a_late_answer_ends_it_too(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)

    note(outages, 99, Accepted())

    assert outages.take_news()[JOB].change == Over()


def test_a_claim_tells_that_others_found_graph_back_but_does_not_undo_what_is_unwritten(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    outages.apply_claim(JOB, is_probe=False, now=99.0)
    still = outages.is_out(JOB)
    outages.take_news()
    outages.apply_claim(JOB, is_probe=False, now=99.0)

    assert still
    assert not outages.is_out(JOB)


def test_news_that_could_not_be_written_waits_behind_newer_news(outages: Outages) -> None:
    fail(outages, OUTAGE_AFTER)
    fail(outages, OUTAGE_AFTER, job=OTHER)
    unwritten = outages.take_news()
    note(outages, 99, Accepted())

    outages.put_back(unwritten)

    assert outages.take_news() == {JOB: News(Over(), unwritten[JOB].forgiven), OTHER: unwritten[OTHER]}


def test_what_others_found_is_seen_in_the_database_unless_news_of_ours_is_unwritten(outages: Outages) -> None:
    outages.mark_seen({JOB: True, OTHER: False}, 99.0)
    found = (outages.is_out(JOB), outages.is_out(OTHER))
    outages.mark_seen({JOB: False}, 99.0)
    back = outages.is_out(JOB)
    fail(outages, OUTAGE_AFTER)
    outages.mark_seen({JOB: False}, 99.0)

    assert found == (True, False)
    assert not back
    assert outages.is_out(JOB)
