"""Whatever comes back, it becomes an outcome that can be stored, shown and acted on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.action import Action
from orchestrator.domain.call import Call, EnvelopesRefused
from orchestrator.domain.device import Device, Via, parse_id
from orchestrator.domain.outcome import Accepted, Barred, Deferred, Outcome, Refused, Uncertain
from orchestrator.graph.envelopes import read_envelope
from orchestrator.graph.error_catalogue import meaning
from orchestrator.graph.requests import envelope_for, trigger_path
from orchestrator.graph.responses import read_reply
from orchestrator.graph.tokens import is_for, permission, read_claims
from orchestrator.graph.waits import LONGEST_WAIT

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STATUS = (
    st.sampled_from([200, 204, 302, 400, 401, 403, 404, 408, 409, 412, 429, 500, 501, 503, 504, 509]) | st.integers()
)

_NAMES = st.sampled_from(
    [
        "error",
        "code",
        "message",
        "Message",
        "innerError",
        "ErrorCode",
        "CustomApiErrorPhrase",
        "RetryAfter",
        "request-id",
    ]
)
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Forbidden", "00:00:05"])
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=5)
    return objects | st.lists(inner, max_size=3) | objects.map(json.dumps)


JSON = st.recursive(_SCALARS, _nested, max_leaves=20)
BODY = (
    st.binary(max_size=300)
    | JSON.map(lambda value: json.dumps({"error": value}).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "date", "request-id", "x-msft-approval-code", "WWW-Authenticate"])
    | st.text(max_size=5),
    st.text(max_size=50) | st.sampled_from(["5", "1e9", "Mon, 02 Mar 2026 09:01:00 GMT"]),
    max_size=4,
)


def holds(outcome: Outcome) -> None:
    """What every reader of an outcome relies on."""
    if isinstance(outcome, Accepted):
        return
    assert isinstance(outcome, Refused | Deferred | Uncertain | Barred)
    error = outcome.error
    for text in (error.code, error.message, error.request_id or "-"):
        assert text
        assert text.isprintable()
        text.encode()
    assert len(error.code) <= 100
    assert len(error.message) <= 500
    assert meaning(error).hint
    if isinstance(outcome, Deferred) and outcome.retry_after is not None:
        assert timedelta(0) < outcome.retry_after <= LONGEST_WAIT


@given(status=STATUS, headers=HEADERS, body=BODY)
def test_every_reply_is_an_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    outcome = read_reply(status, headers, body, NOW)

    holds(outcome)
    assert isinstance(outcome, Accepted) == (status == 204)
    assert not (200 <= status < 300 and status != 204) or isinstance(outcome, Uncertain)


PART = JSON | st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2", "3", 1]), "status": STATUS | st.text(max_size=4)},
    optional={"headers": HEADERS | JSON, "body": JSON},
)


@given(
    count=st.integers(1, 20),
    status=STATUS,
    headers=HEADERS,
    body=BODY | st.lists(PART, max_size=5).map(lambda parts: json.dumps({"responses": parts}).encode()),
)
def test_every_answer_to_an_envelope_is_an_outcome_for_each_call_or_none(
    count: int, status: int, headers: dict[str, str], body: bytes
) -> None:
    parts = read_envelope(count, status, headers, body, NOW)

    if isinstance(parts, EnvelopesRefused):
        assert status != 200
        assert meaning(parts.error).hint
        return
    assert len(parts) == count
    for part in parts:
        holds(part.outcome)


@given(count=st.integers(1, 20), data=st.data())
def test_what_an_envelope_asks_comes_back_to_who_asked(count: int, data: st.DataObject) -> None:
    calls = [
        Call(Action.QUICK_SCAN, Via.MANAGED_DEVICES, Device((f"device-{number}",)), f"request-{number}")
        for number in range(count)
    ]
    parts = json.loads(envelope_for(calls, "muster/1.0").body)["requests"]
    answers = data.draw(
        st.permutations([{"id": part["id"], "status": 204, "headers": {"request-id": part["url"]}} for part in parts])
    )

    answered = read_envelope(count, 200, {}, json.dumps({"responses": answers}).encode(), NOW)

    assert isinstance(answered, list)
    assert [part.outcome for part in answered] == [Accepted(trigger_path(call.via, call.device)) for call in calls]


@given(st.text(min_size=1, max_size=256))
def test_an_id_that_is_taken_stays_one_segment_and_can_be_read_back(text: str) -> None:
    parsed = parse_id("detectedAppId", text)
    if not isinstance(parsed, str):
        return

    path = trigger_path(Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS, Device(("script", "state", parsed, "device")))

    segments = path.split("/")
    assert len(segments) == 12
    assert path.isascii()
    assert unquote(segments[8]) == parsed


@given(st.text() | st.builds(lambda middle: f"a.{middle}.c", st.text()) | st.binary().map(repr))
def test_no_token_is_too_odd_to_be_looked_at(token: str) -> None:
    claims = read_claims(token)

    assert permission(claims)
    assert is_for(claims, "https://graph.microsoft.com") in {True, False}
