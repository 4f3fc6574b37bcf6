from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.call import EnvelopesRefused
from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.graph.envelopes import read_envelope

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ENVELOPE = {"Request-Id": "envelope", "Date": "Mon, 02 Mar 2026 09:00:48 GMT"}


def read(count: int, *responses: Any, status: int = 200) -> list[Outcome] | EnvelopesRefused:
    parts = read_envelope(count, status, ENVELOPE, json.dumps({"responses": responses}).encode(), NOW)
    return parts if isinstance(parts, EnvelopesRefused) else [part.outcome for part in parts]


def error(code: str, **more: object) -> dict[str, object]:
    return {"error": {"code": code, "message": "Said.", **more}}


def test_parts_are_matched_by_id_whatever_their_order() -> None:
    outcomes = read(
        3,
        {"id": "3", "status": 204, "headers": {"request-id": "three"}},
        {"id": "1", "status": 404, "body": error("Gone", innerError={"request-id": "one"})},
        {"id": "2", "status": "429", "headers": {"Retry-After": "5"}, "body": error("TooManyRequests")},
    )

    assert outcomes == [
        Refused(GraphError("Gone", "Said.", 404, "one")),
        Deferred(GraphError("TooManyRequests", "Said.", 429, "envelope"), timedelta(seconds=5), closes_lane=True),
        Accepted("three"),
    ]


def test_the_date_of_a_parts_wait_counts_from_the_envelopes() -> None:
    headers = {"retry-after": "Mon, 02 Mar 2026 09:01:00 GMT"}

    outcomes = read(1, {"id": "1", "status": 429, "headers": headers, "body": error("TooManyRequests")})

    assert isinstance(outcomes, list)
    assert isinstance(outcomes[0], Deferred)
    assert outcomes[0].retry_after == timedelta(seconds=12)


def test_the_wait_of_one_part_is_not_that_of_another() -> None:
    throttled = {"id": "1", "status": 429, "headers": {"Retry-After": "5"}, "body": error("TooManyRequests")}

    outcomes = read(2, throttled, {"id": "2", "status": 429, "body": error("TooManyRequests")})

    assert isinstance(outcomes, list)
    assert isinstance(outcomes[1], Deferred)
    assert outcomes[1].retry_after is None


@pytest.mark.parametrize(
    "responses",
    [
        [],
        [{"id": "2", "status": 204}],
        [{"id": "1", "status": 204}, {"id": "1", "status": 404}],
        [{"id": "1"}],
        [{"id": "1", "status": None}],
        [{"id": "1", "status": True}],
        [{"id": "1", "status": "ok"}],
        [{"id": "1", "status": [204]}],
        [None, 7, "1", ["1", 204]],
        [{"status": 204}],
    ],
)
def test_a_call_without_one_clear_answer_is_uncertain(responses: list[object]) -> None:
    outcomes = read(1, *responses)

    assert isinstance(outcomes, list)
    (outcome,) = outcomes
    assert isinstance(outcome, Uncertain)
    assert outcome.is_answer
    assert outcome.error.code == "PartUnanswered"


def test_a_part_may_carry_its_error_as_text() -> None:
    outcomes = read(
        2, {"id": "1", "status": 400, "body": json.dumps(error("Odd"))}, {"id": 2, "status": 503, "body": 7}
    )

    assert isinstance(outcomes, list)
    assert outcomes[0] == Refused(GraphError("Odd", "Said.", 400, "envelope"))
    assert isinstance(outcomes[1], Deferred)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"responses": {}}', b'{"responses": [', b"[" * 99_999]
)
def test_an_answer_that_makes_no_sense_leaves_every_call_uncertain(body: bytes) -> None:
    parts = read_envelope(2, 200, ENVELOPE, body, NOW)

    assert isinstance(parts, list)
    assert [part.outcome for part in parts] == [
        Uncertain(
            GraphError("EnvelopeUnreadable", "the answer to the envelope makes no sense", 200, "envelope"),
            is_answer=True,
        )
    ] * 2


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 405, 409, 411, 413, 415, 501, 507])
def test_an_envelope_refused_as_such_says_nothing_about_its_calls(status: int) -> None:
    body = json.dumps(error("NoEnvelopes")).encode()

    refused = read_envelope(2, status, ENVELOPE, body, NOW)

    assert refused == EnvelopesRefused(GraphError("NoEnvelopes", "Said.", status, "envelope"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (201, Uncertain),
        (204, Uncertain),
        (408, Uncertain),
        (504, Uncertain),
        (429, Deferred),
        (500, Deferred),
        (503, Deferred),
    ],
)
def test_an_envelope_that_failed_as_a_whole_failed_for_each_call(status: int, kind: type) -> None:
    parts = read_envelope(3, status, ENVELOPE, json.dumps(error("Unwell")).encode(), NOW)

    assert isinstance(parts, list)
    assert [type(part.outcome) for part in parts] == [kind] * 3


def test_a_token_refused_at_the_envelope_is_refused_for_each_call() -> None:
    parts = read_envelope(2, 401, ENVELOPE, json.dumps(error("InvalidAuthenticationToken")).encode(), NOW)

    assert isinstance(parts, list)
    assert [part.outcome.bar for part in parts if isinstance(part.outcome, Barred)] == [Bar.TOKEN_REFUSED] * 2
