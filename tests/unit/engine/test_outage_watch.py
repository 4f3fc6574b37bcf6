from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.circuit_breaker import OUTAGE_AFTER
from orchestrator.domain.outcome import NOT_FROM_GRAPH, Accepted, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.engine.outage_watch import Found, News, OutageWatch, Over, StillOut
from tests.support.builders import a_target

UNWELL = Deferred(GraphError("ServiceUnavailable", "", 503))
SILENT = Uncertain(GraphError("AnswerTimedOut", ""))
GONE = Refused(GraphError("ResourceNotFound", "", 404))


@pytest.fixture
def watch() -> OutageWatch:
    return OutageWatch()


def add(
    watch: OutageWatch,
    line: int,
    outcome: Outcome,
    *,
    attempts: int = 0,
    left_at: float | None = None,
    is_probe: bool = False,
) -> bool:
    """An answer at once: every call leaves a second after the one of the line before."""
    left_at = float(line) if left_at is None else left_at
    target = a_target(line, attempts=attempts)
    return watch.add(target, outcome, left_at=left_at, now=left_at, is_probe=is_probe)


def fail(watch: OutageWatch, count: int, *, first: int = 2, attempts: int = 0) -> list[bool]:
    lines = range(first, first + count)
    return [add(watch, line, UNWELL, attempts=attempts) for line in lines]


def test_so_many_devices_in_a_row_are_an_outage_and_what_they_paid_is_given_back(watch: OutageWatch) -> None:
    before = fail(watch, OUTAGE_AFTER - 1)
    was_out = watch.is_out
    last = fail(watch, 1, first=90)

    assert not any(before)
    assert not was_out
    assert last == [True]
    assert watch.is_out
    assert watch.pop_news() == News(Found(0.0, UNWELL.error), tuple(range(2, OUTAGE_AFTER + 1)))
    assert not watch.has_news


@pytest.mark.parametrize("word", [Accepted(), GONE], ids=repr)
def test_one_word_of_graph_between_is_enough_to_see_none(watch: OutageWatch, word: Accepted | Refused) -> None:
    fail(watch, OUTAGE_AFTER - 1)
    add(watch, 50, word)
    fail(watch, OUTAGE_AFTER - 1, first=60)

    assert not watch.is_out


def test_devices_that_failed_before_are_no_sign_of_an_outage(watch: OutageWatch) -> None:
    charged = [any(fail(watch, 5, attempts=attempts)) for attempts in range(1, 20)]

    assert not any(charged)
    assert not watch.is_out


def test_a_page_of_a_proxy_uses_up_an_attempt_only_where_other_devices_got_through_since(watch: OutageWatch) -> None:
    page = Deferred(GraphError(NOT_FROM_GRAPH, "a web page", 502), may_have_happened=True)

    uncharged = [add(watch, 7, page, attempts=attempts, left_at=10.0 * attempts) for attempts in range(4)]
    add(watch, 8, Accepted(), left_at=35.0)
    charged = add(watch, 7, page, attempts=4, left_at=40.0)

    assert (uncharged, charged) == ([True] * 4, False)
    assert not watch.is_out


def test_a_probe_that_a_proxy_answers_leaves_the_outage_as_it_was(watch: OutageWatch) -> None:
    watch.set_out(is_out=True, now=1.0)
    page = Deferred(GraphError(NOT_FROM_GRAPH, "a web page", 403))

    add(watch, 7, page, is_probe=True)

    assert watch.is_out
    assert watch.pop_news() == News(StillOut(0.0, page.error))


def test_a_429_between_neither_ends_a_row_nor_lengthens_it(watch: OutageWatch) -> None:
    throttled = Deferred(GraphError("TooManyRequests", "", 429), closes_lane=True)
    fail(watch, OUTAGE_AFTER - 1)
    add(watch, 70, throttled)
    was_out = watch.is_out
    fail(watch, 1, first=80)

    assert not was_out
    assert watch.is_out


def test_what_was_on_its_way_when_it_began_pays_nothing_and_is_no_probe(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER)
    watch.pop_news()

    free = [add(watch, line, SILENT) for line in range(100, 110)]

    assert all(free)
    assert not watch.has_news


def test_a_probe_that_fails_is_news_and_one_that_is_answered_ends_it(watch: OutageWatch) -> None:
    watch.set_out(is_out=True, now=1.0)
    wait = Deferred(GraphError("ServiceUnavailable", "", 503), timedelta(seconds=30))
    failed = add(watch, 2, wait, is_probe=True)
    news = watch.pop_news()
    answered = add(watch, 3, GONE, is_probe=True)

    assert (failed, news) == (True, News(StillOut(30.0, wait.error)))
    assert (answered, watch.pop_news()) == (False, News(Over()))
    assert not watch.is_out


def test_a_word_to_a_call_that_left_before_it_was_found_does_not_end_it(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER)

    add(watch, 99, Accepted(), left_at=5.0)

    assert watch.is_out
    assert isinstance(watch.pop_news().change, Found)


def test_late_answers_from_before_it_began_do_not_hide_it(watch: OutageWatch) -> None:
    for line in range(20, 20 + OUTAGE_AFTER):
        add(watch, line, UNWELL)
        add(watch, line - 18, Accepted())

    assert watch.is_out
    assert len(watch.pop_news().forgiven) == OUTAGE_AFTER - 1


def test_what_left_before_a_later_word_is_a_device_that_is_unwell(watch: OutageWatch) -> None:
    add(watch, 50, Accepted())
    fail(watch, 3 * OUTAGE_AFTER)

    assert not watch.is_out


def test_what_left_a_moment_before_the_last_word_is_given_back_too(watch: OutageWatch) -> None:
    add(watch, 2, UNWELL, left_at=19.8)
    add(watch, 3, UNWELL, left_at=19.0)
    add(watch, 4, Accepted(), left_at=20.0)
    fail(watch, OUTAGE_AFTER, first=21)

    forgiven = watch.pop_news().forgiven
    assert 2 in forgiven
    assert 3 not in forgiven


def test_what_others_found_gives_back_what_was_met_here(watch: OutageWatch) -> None:
    fail(watch, 3)
    is_suspect = watch.is_suspect

    watch.set_out(is_out=True, now=10.0)

    assert is_suspect
    assert watch.pop_news() == News(None, (2, 3, 4))


def test_what_was_met_long_ago_is_forgotten(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER - 1)

    watch.forget_old(1000.0)

    assert not watch.is_suspect
    assert not any(fail(watch, 1, first=1000))


def test_a_late_answer_ends_it_too(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER)

    add(watch, 99, Accepted())

    assert watch.pop_news().change == Over()


def test_a_claim_tells_that_others_found_graph_back_but_does_not_undo_what_is_unwritten(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER)
    watch.set_out(is_out=False, now=99.0)
    still = watch.is_out
    watch.pop_news()
    watch.set_out(is_out=False, now=99.0)

    assert still
    assert not watch.is_out


def test_news_that_could_not_be_written_waits_behind_newer_news(watch: OutageWatch) -> None:
    fail(watch, OUTAGE_AFTER)
    unwritten = watch.pop_news()
    add(watch, 99, Accepted())

    watch.restore_news(unwritten)

    assert watch.pop_news() == News(Over(), unwritten.forgiven)


def test_what_others_found_is_seen_in_the_database_unless_news_of_ours_is_unwritten(watch: OutageWatch) -> None:
    watch.set_out(is_out=True, now=99.0)
    found = watch.is_out
    watch.set_out(is_out=False, now=99.0)
    back = watch.is_out
    fail(watch, OUTAGE_AFTER)
    watch.set_out(is_out=False, now=99.0)

    assert found
    assert not back
    assert watch.is_out
