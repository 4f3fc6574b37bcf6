from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.outcome import (
    NOT_FROM_GRAPH,
    Accepted,
    Bar,
    Barred,
    Deferred,
    Outcome,
    Refused,
    Uncertain,
    is_cut_off,
)
from orchestrator.graph.envelopes import read_envelope
from orchestrator.graph.provenance import is_stranger_on_the_way
from orchestrator.graph.responses import read_reply

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAGE = b"<!DOCTYPE html>\n<html><head><title>Access &amp; denied</title></head><body>No.</body></html>"
GRAPHS = b'{"error": {"code": "Whatever", "message": "No."}}'
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
PAGE_STATUSES = (
    *range(300, 304),
    307,
    308,
    *range(400, 406),
    *range(407, 411),
    412,
    413,
    423,
    424,
    429,
    431,
    451,
    494,
    499,
)


def waits(outcome: Outcome) -> bool:
    return isinstance(outcome, Deferred) and outcome.never_arrived and is_cut_off(outcome)


def message_of(outcome: Outcome) -> str:
    assert not isinstance(outcome, Accepted)
    return outcome.error.message


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (HTML, PAGE),
        ({"content-type": "application/json"}, PAGE),
        (HTML | {"X-Request-Id": "9e0d", "client-request-id": "7a11"}, PAGE),
        (HTML, b"\xef\xbb\xbf  <HTML>"),
        (HTML, b'<?xml version="1.0"?><!-- proxy --><html xmlns="x">'),
        (HTML | {"Content-Encoding": "gzip"}, gzip.compress(PAGE, mtime=0)),
        (HTML | {"Content-Encoding": "deflate"}, zlib.compress(PAGE)),
    ],
)
def test_a_page_with_3xx_or_4xx_is_no_word_of_graph_and_nothing_was_delivered(
    headers: dict[str, str], body: bytes
) -> None:
    for status in PAGE_STATUSES:
        outcome = read_reply(status, headers, body, NOW)

        assert waits(outcome), outcome
        assert outcome == Deferred(outcome.error)  # type: ignore[union-attr] # never an Accepted
        assert str(status) in message_of(outcome)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 407])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Forbidden",
        b"null",
        b"[]",
        b'"no"',
        b'{"message": "Forbidden"}',
        b'{"error": "forbidden"}',
        b'{"error": {"code": 403, "message": "Blocked", "status": "PERMISSION_DENIED"}}',
        b'{"error": {"message": "Blocked"}}',
        b'{"statusCode": 401, "message": "Access denied due to missing subscription key"}',
        b'{"code": "Blocked", "message": "By policy"}',
        b'{"error": {"code": "Forbidd',
        b"\x1f\x8b broken gzip",
    ],
)
def test_what_has_not_the_shape_of_graphs_errors_is_not_graphs(status: int, body: bytes) -> None:
    assert waits(read_reply(status, {"Content-Encoding": "gzip"} if body[:1] == b"\x1f" else {}, body, NOW))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, GRAPHS),
        ({}, b'\xef\xbb\xbf{"Error": {"Code": "Whatever", "Message": null, "innerError": {"date": "x"}}}'),
        ({}, b'{"error": {"code": "", "message": ""}}'),
        ({"content-encoding": "gzip"}, gzip.compress(GRAPHS, mtime=0)),
        ({"Request-Id": "f2b1"}, b""),
        ({"request-id": "f2b1"}, b'{"error": {"code": "Res'),
    ],
)
def test_what_graph_wrote_is_believed(headers: dict[str, str], body: bytes) -> None:
    assert isinstance(read_reply(404, headers, body, NOW), Refused)
    token_refused = read_reply(401, headers, body, NOW)
    assert isinstance(token_refused, Barred)
    assert token_refused.bar is Bar.TOKEN_REFUSED


@pytest.mark.parametrize("status", [407, 511])
def test_what_only_a_proxy_or_a_portal_may_say_is_never_graphs(status: int) -> None:
    outcome = read_reply(status, {"request-id": "f2b1", "Proxy-Authenticate": "Negotiate"}, GRAPHS, NOW)

    assert is_cut_off(outcome)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 507, 511, 520])
def test_behind_a_gateway_that_failed_graph_may_have_acted(status: int) -> None:
    outcome = read_reply(status, {**HTML, "Retry-After": "7"}, PAGE, NOW)

    assert outcome == Deferred(outcome.error, timedelta(seconds=7), may_have_happened=True)  # type: ignore[union-attr] # never an Accepted
    assert is_cut_off(outcome)


@pytest.mark.parametrize("status", [200, 201, 202, 206])
@pytest.mark.parametrize("body", [PAGE, b"", b'{"ok": true}'])
def test_a_success_of_a_stranger_may_follow_delivery_and_is_asked_again_where_that_is_harmless(
    status: int, body: bytes
) -> None:
    outcome = read_reply(status, {}, body, NOW)

    assert isinstance(outcome, Uncertain)
    assert not outcome.is_answer
    assert is_cut_off(outcome)


def test_a_204_that_announces_a_body_is_no_acceptance() -> None:
    assert isinstance(read_reply(204, {}, b"", NOW), Accepted)
    assert isinstance(read_reply(204, {"Content-Length": "0"}, b"", NOW), Accepted)
    assert isinstance(read_reply(204, {"Content-Length": "17"}, b"", NOW), Uncertain)


@pytest.mark.parametrize("body", [b"", b"slow down", b"{}"])
def test_whoever_counts_the_calls_is_obeyed(body: bytes) -> None:
    outcome = read_reply(429, {"Retry-After": "9"}, body, NOW)

    assert isinstance(outcome, Deferred)
    assert (outcome.closes_lane, outcome.retry_after) == (True, timedelta(seconds=9))


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (403, HTML, PAGE, "answered HTTP 403 with a web page, titled “Access & denied”"),
        (404, HTML, b"<html><h1>Blocked by\n policy</h1>", "HTTP 404 with a web page, titled “Blocked by policy”"),
        (403, HTML | {"Content-Type": "text/html; charset=windows-1252"}, b"<html><title>Gesperrt f\xfcr Sie</title>",
         "titled “Gesperrt für Sie”"),
        (403, HTML, b"<html><title>\x1b]0;x\x07</title>", "titled “␛]0;x␇”"),
        (403, HTML, b"<html><title>" + b"x" * 5000, "titled “" + "x" * 119 + "…”"),
        (302, {"Location": "https://portal.example/login?token=secret"}, b"",
         "answered HTTP 302 and sends the call to portal.example"),
        (307, {"Location": "https://[broken"}, b"", "HTTP 307 without a word of Graph's"),
        (407, {"Proxy-Authenticate": "Negotiate abc"}, PAGE, "HTTP 407: a proxy wants a sign-in (Negotiate)"),
        (400, {}, b"upstream connect error", "HTTP 400: upstream connect error"),
        (403, JSON, b'{"message":"blocked by \\u001b[1mpolicy"}', "HTTP 403: blocked by ␛[1mpolicy"),
        (403, JSON, b'{"error":{"code":17,"message":"no"}}', "HTTP 403: no"),
        (404, JSON, b'{"detail":"Not Found"}', "HTTP 404: Not Found"),
        (403, JSON, b'{"error":""}', "HTTP 403 without a word of Graph's"),
        (403, JSON, b'[{"message":"blocked"}]', "HTTP 403 without a word of Graph's"),
    ],
)  # fmt: skip
def test_the_message_says_what_answered_in_graphs_place(
    status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    message = message_of(read_reply(status, headers, body, NOW))

    assert said in message
    assert message.startswith("something between here and Graph answered")
    assert "secret" not in message


def test_a_small_body_that_unfolds_into_gigabytes_is_read_in_bounds() -> None:
    bomb = gzip.compress(b"<html><title>x</title>" + b" " * 50_000_000)

    assert "titled “x”" in message_of(read_reply(403, {"content-encoding": "gzip"}, bomb, NOW))


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407])
def test_an_envelope_that_a_stranger_answered_is_not_opened_for_single_calls(status: int) -> None:
    parts = read_envelope(2, status, HTML, PAGE, NOW)

    assert isinstance(parts, list)
    assert [waits(part.outcome) for part in parts] == [True, True]


def test_an_envelope_with_200_and_a_page_may_follow_delivery() -> None:
    parts = read_envelope(2, 200, HTML, PAGE, NOW)

    assert isinstance(parts, list)
    assert [type(part.outcome) for part in parts] == [Uncertain, Uncertain]
    assert all(is_cut_off(part.outcome) for part in parts)


def test_a_part_that_is_a_page_is_no_verdict_on_its_device() -> None:
    answer = {
        "responses": [
            {"id": "1", "status": 403, "headers": {"Content-Type": "text/html"}, "body": PAGE.decode()},
            {"id": "2", "status": 404, "body": json.loads(GRAPHS)},
            {"id": "3", "status": 404},
            {"id": "4", "status": 407, "body": json.loads(GRAPHS)},
            {"id": "5", "status": 502, "body": PAGE.decode()},
            {"id": "6", "status": 204},
        ]
    }

    parts = read_envelope(6, 200, {}, json.dumps(answer).encode(), NOW)

    assert isinstance(parts, list)
    outcomes = [part.outcome for part in parts]
    assert [type(outcome) for outcome in outcomes] == [Deferred, Refused, Refused, Deferred, Deferred, Accepted]
    assert [is_cut_off(outcome) for outcome in outcomes] == [True, False, False, True, True, False]


def test_the_code_of_a_stranger_is_one_that_hints_at_no_device() -> None:
    outcome = read_reply(404, HTML, PAGE, NOW)

    assert isinstance(outcome, Deferred)
    assert outcome.error.code == NOT_FROM_GRAPH


STRANGERS = [{"status": "ok"}, {"error": "blocked"}, {"detail": "Not Found"}, ["blocked"], "upstream connect error"]


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 410, 418, 500, 502, 503])
@pytest.mark.parametrize("body", STRANGERS)
@pytest.mark.parametrize("is_cloud", [True, False])
def test_json_and_text_that_are_not_graphs_keep_calls_away(status: int, body: object, *, is_cloud: bool) -> None:
    assert is_stranger_on_the_way(status, {}, body, is_cloud=is_cloud)


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize(
    "body",
    [
        "", " ", {}, "404: Not Found", "404 page not found", "Cannot GET /beta", {"detail": "Not Found"},
        {"error": "unknown path /beta"}, {"message": "No such resource"}, {"path": "/beta"},
        "<html><title>Error response</title>", "<html><title>Error</title><pre>Cannot GET /beta",
        "<html><h1>404 Not Found",
    ],
)  # fmt: skip
def test_only_what_stands_for_graph_need_not_know_the_question(status: int, body: object) -> None:
    assert not is_stranger_on_the_way(status, {}, body, is_cloud=False)
    assert is_stranger_on_the_way(status, {}, body, is_cloud=True)


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize(
    "body",
    [
        PAGE.decode(), "upstream connect error", "default backend", {"error": "blocked"},
        {"message": "no Route matched with those values"}, {"fault": {"faultstring": "Unable to identify proxy"}},
    ],
)  # fmt: skip
def test_a_portal_or_gateway_that_answers_in_words_of_its_own_keeps_calls_away(status: int, body: object) -> None:
    assert is_stranger_on_the_way(status, {}, body, is_cloud=False)


@pytest.mark.parametrize("status", [200, 401, 404, 503])
@pytest.mark.parametrize(
    ("headers", "body"),
    [({"request-id": "7a11"}, {"status": "ok"}), ({}, {"error": {"code": "InvalidAuthenticationToken"}})],
)
def test_a_word_of_graphs_opens_the_way(status: int, headers: dict[str, str], body: object) -> None:
    assert not is_stranger_on_the_way(status, headers, body, is_cloud=True)


@pytest.mark.parametrize("body", ["", " ", {}, [], None, {"value": []}, {"@odata.context": "x"}])
def test_what_stands_for_graph_may_say_nothing_or_answer_as_odata_does(body: object) -> None:
    assert not is_stranger_on_the_way(200, {}, body, is_cloud=False)
