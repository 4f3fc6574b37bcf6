"""How long keys are valid, and what a key may create."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.access import Actor, Grant, Role, caller_of_key, key_of_caller
from orchestrator.domain.errors import NotPermitted, RequestRejected, SignInTooOld
from orchestrator.domain.keys import ApiKey, end_of_key, parse_lifetime

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "status"),
    [
        (NOW + timedelta(seconds=1), None, "valid"),
        (NOW, None, "expired"),
        (NOW + DAY, NOW, "revoked"),
        (NOW, NOW, "revoked"),
    ],
)
def test_a_key_opens_until_it_expires_or_is_revoked(
    expires_at: datetime, revoked_at: datetime | None, status: str
) -> None:
    key = ApiKey("id", "portal", Grant(Role.VIEWER), "somebody", NOW, expires_at, revoked_at=revoked_at)

    assert key.status(NOW) == status
    assert key.is_valid(NOW) == (status == "valid")


@pytest.mark.parametrize(
    ("wanted", "longest", "creator_ends", "days"),
    [
        (None, 365, None, 90),
        (None, 30, None, 30),
        (None, 365, 12, 12),
        (200, 365, None, 200),
        (12, 365, 12, 12),
    ],
)
def test_a_key_expires_as_asked_or_after_ninety_days_and_never_after_the_key_that_creates_it(
    wanted: int | None, longest: int, creator_ends: int | None, days: int
) -> None:
    end = end_of_key(
        None if wanted is None else wanted * DAY,
        longest=longest * DAY,
        creator_ends=None if creator_ends is None else NOW + creator_ends * DAY,
        now=NOW,
    )

    assert end == NOW + days * DAY


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        (timedelta(0), RequestRejected, "a second at least"),
        (-DAY, RequestRejected, "a second at least"),
        (366 * DAY, RequestRejected, "365 days at most"),
        (51 * DAY, NotPermitted, "no key that outlives it: yours expires on 2026-04-21"),
    ],
)
def test_a_lifetime_that_cannot_be_is_refused(wanted: timedelta, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        end_of_key(wanted, longest=365 * DAY, creator_ends=NOW + 50 * DAY, now=NOW)


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("90", 90 * DAY),
        ("90d", 90 * DAY),
        ("12h", DAY / 2),
        (" 2s ", timedelta(seconds=2)),
        ("2026-03-02", timedelta(hours=15)),
        ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC) - NOW),
    ],
)
def test_a_lifetime_is_written_as_days_as_a_span_or_as_its_last_day(text: str, lifetime: timedelta) -> None:
    assert parse_lifetime(text, NOW) == lifetime


@pytest.mark.parametrize("text", ["", "soon", "never", "9" * 30, "2026-13-01", "9999-12-31", "-5", "1e3"])
def test_what_is_no_lifetime_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RequestRejected, match="no lifetime of a key"):
        parse_lifetime(text, NOW)


def test_a_sign_in_is_fresh_for_ten_minutes_and_a_key_always() -> None:
    person = Actor("alex", "10.0.0.1", signed_in_at=NOW)

    person.refuse_stale_sign_in(NOW + timedelta(minutes=10))
    Actor("key:portal", "10.0.0.1", key_id="abc").refuse_stale_sign_in(NOW + DAY)
    with pytest.raises(SignInTooOld, match="younger than ten minutes"):
        person.refuse_stale_sign_in(NOW + timedelta(minutes=10, seconds=1))


def test_a_caller_names_a_key_by_its_id_and_a_person_by_the_ids_of_the_directory() -> None:
    key = Actor("key:portal", "10.0.0.1", key_id="abc")
    person = Actor("alex@contoso.example", "10.0.0.1", person_id="tenant/object")

    assert key.caller == caller_of_key("abc")
    assert key_of_caller(key.caller) == "abc"
    assert (person.caller, key_of_caller(person.caller), key_of_caller(None)) == ("person tenant/object", None, None)
