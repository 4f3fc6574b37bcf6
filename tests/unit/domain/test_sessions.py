"""When a session needs another answer of the directory about its role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.access import FREE
from orchestrator.domain.sessions import CHECKED_EVERY, GRACE, LIFETIME, ROLE_GOOD_FOR, Session, Way

BEGAN = datetime(2026, 11, 2, 8, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def session(way: Way, *, is_checked: bool) -> Session:
    checked = (BEGAN, BEGAN + CHECKED_EVERY) if is_checked else (None, None)
    return Session("1", "admin", FREE, way, "10.0.0.1", BEGAN, BEGAN + LIFETIME, BEGAN, BEGAN, None, None, *checked)


def test_while_another_request_asks_an_answer_is_good_for_a_quarter_of_an_hour_and_in_an_outage_for_an_hour() -> None:
    signed_in = session(Way.ENTRA, is_checked=True)

    for is_true, since in (
        (signed_in.is_check_due, CHECKED_EVERY),
        (signed_in.must_wait_for_check, ROLE_GOOD_FOR),
        (signed_in.is_out_of_grace, GRACE),
    ):
        assert not is_true(BEGAN + since - MOMENT)
        assert is_true(BEGAN + since)


def test_a_session_of_a_key_needs_no_directory() -> None:
    with_key = session(Way.KEY, is_checked=False)

    late = BEGAN + LIFETIME
    assert not with_key.is_check_due(late)
    assert not with_key.must_wait_for_check(late)
    assert not with_key.is_out_of_grace(late)
