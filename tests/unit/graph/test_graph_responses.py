from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.graph.responses import read_reply

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REALM = 'Bearer realm="urn:intune:service,c3998d6e"'


def intune(text: str, **inside: object) -> str:
    """The message that Intune writes: JSON in a string."""
    return json.dumps(
        {
            "_version": 3,
            "Message": (
                f"{text} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000"
                " - Activity ID: 11111111-0000-4000-8000-000000000000"
                " - Url: https://fef.msua01.manage.microsoft.com/DeviceFE/StatelessDeviceFEService/deviceManagement"
            ),
            "CustomApiErrorPhrase": "",
            "RetryAfter": None,
            "ErrorSourceService": "",
            "HttpHeaders": "{}",
            **inside,
        },
        indent=2,
    ).replace("\n", "\r\n")


def read(
    status: int, code: str | None = None, message: str = "", headers: dict[str, str] | None = None, **more: object
) -> Outcome:
    body = {"error": {"code": code, "message": message, **more}}
    return read_reply(status, headers or {}, json.dumps(body).encode(), NOW)


def error_of(outcome: Outcome) -> GraphError:
    assert not isinstance(outcome, Accepted)
    return outcome.error


def test_204_is_accepted_and_nothing_else_is() -> None:
    assert read_reply(204, {"Request-Id": "r-1"}, b"", NOW) == Accepted("r-1")
    for status in (200, 201, 202, 206, 299):
        assert read_reply(status, {"Request-Id": "r-2"}, b"{}", NOW) == Uncertain(
            GraphError(f"HTTP{status}", f"Graph answered {status} without a message", status, "r-2"), is_answer=True
        )


@pytest.mark.parametrize(
    ("status", "code", "message", "bar"),
    [
        (302, None, "", Bar.WRONG_ENDPOINT),
        (307, None, "", Bar.WRONG_ENDPOINT),
        (400, "BadRequest", "Resource not found for the segment 'x'.", Bar.WRONG_ENDPOINT),
        (404, "BadRequest", "Resource not found for the segment 'x'.", Bar.WRONG_ENDPOINT),
        (405, "MethodNotAllowed", "", Bar.WRONG_ENDPOINT),
        (400, "BadRequest", "The header x-msft-approval-justification is required.", Bar.APPROVAL_REQUIRED),
        (403, "Forbidden", "The header x-msft-approval-justification is required.", Bar.APPROVAL_REQUIRED),
        (403, "ApprovalRequired", "", Bar.APPROVAL_REQUIRED),
        (412, "PreconditionFailed", "", Bar.APPROVAL_REQUIRED),
        (401, "InvalidAuthenticationToken", "", Bar.TOKEN_REFUSED),
        (403, "Forbidden", "", Bar.PERMISSION_MISSING),
        (403, "UnknownError", "", Bar.PERMISSION_MISSING),
        (403, None, "", Bar.PERMISSION_MISSING),
        (403, "accessDenied", "Application must have one of the following scopes: A.B", Bar.PERMISSION_MISSING),
        (403, "UnknownError", json.dumps({"ErrorCode": "Forbidden", "HttpHeaders": REALM}), Bar.PERMISSION_MISSING),
        (401, "UnknownError", json.dumps({"ErrorCode": "Forbidden", "HttpHeaders": REALM}), Bar.PERMISSION_MISSING),
    ],
)
def test_what_fails_for_every_device_bars_the_job(status: int, code: str | None, message: str, bar: Bar) -> None:
    outcome = read(status, code, message)

    assert isinstance(outcome, Barred)
    assert outcome.bar is bar


def test_an_approval_code_in_the_headers_is_enough() -> None:
    outcome = read(403, "Custom", headers={"X-MSFT-Approval-Code": "7"})

    assert isinstance(outcome, Barred)
    assert outcome.bar is Bar.APPROVAL_REQUIRED


@pytest.mark.parametrize("code", ["accessDenied", "Authorization_RequestDenied", "SomethingNew"])
def test_a_denial_may_concern_one_device_or_all(code: str) -> None:
    outcome = read(403, code, "Insufficient privileges to complete the operation.")

    assert outcome == Refused(
        GraphError(code, "Insufficient privileges to complete the operation.", 403), perhaps_everywhere=True
    )


@pytest.mark.parametrize("status", [400, 402, 404, 406, 409, 410, 411, 413, 415, 418, 422, 426, 451, 501, 507])
def test_a_plain_no_is_a_no_to_this_device(status: int) -> None:
    outcome = read(status, "Whatever", "No.")

    assert outcome == Refused(GraphError("Whatever", "No.", status))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "Directory_ConcurrencyViolation", {}),
        (409, "resourceModified", {}),
        (423, "Locked", {}),
        (424, "FailedDependency", {}),
        (429, "activityLimitReached", {"closes_lane": True}),
        (500, "InternalServerError", {"may_have_happened": True}),
        (502, "BadGateway", {"may_have_happened": True}),
        (503, "ServiceUnavailable", {}),
        (509, "BandwidthLimitExceeded", {"retry_after": timedelta(seconds=60)}),
        (520, "Anything", {"may_have_happened": True}),
    ],
)
def test_what_passes_is_deferred(status: int, code: str, expected: dict[str, object]) -> None:
    outcome = read(status, code, "Later.")

    assert isinstance(outcome, Deferred)
    assert {name: getattr(outcome, name) for name in ("retry_after", "closes_lane", "may_have_happened")} == {
        "retry_after": None,
        "closes_lane": False,
        "may_have_happened": False,
    } | expected


@pytest.mark.parametrize("status", [408, 504])
def test_a_call_that_nobody_waited_for_is_uncertain_and_may_be_asked_again(status: int) -> None:
    outcome = read(status, "Timeout")

    assert outcome == Uncertain(GraphError("Timeout", f"Graph answered {status} without a message", status))


@pytest.mark.parametrize("status", [0, 100, 600, 999, -1])
def test_a_status_that_is_none_is_uncertain(status: int) -> None:
    assert isinstance(read(status), Uncertain)


def test_bandwidth_waits_at_least_a_minute_and_longer_where_the_reply_says_so() -> None:
    brief, long = read(509, headers={"Retry-After": "5"}), read(509, headers={"Retry-After": "300"})

    assert isinstance(brief, Deferred)
    assert isinstance(long, Deferred)
    assert (brief.retry_after, long.retry_after) == (timedelta(seconds=60), timedelta(seconds=300))


def test_the_longest_wait_of_header_and_nested_json_counts() -> None:
    nested = read(429, "TooManyRequests", intune("Too many", RetryAfter=30), headers={"retry-after": "10"})
    header = read(429, "TooManyRequests", intune("Too many", RetryAfter="00:00:05"), headers={"retry-after": "10.5"})

    assert isinstance(nested, Deferred)
    assert isinstance(header, Deferred)
    assert (nested.retry_after, header.retry_after) == (timedelta(seconds=30), timedelta(seconds=10.5))


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("ResourceNotFound", intune("x", CustomApiErrorPhrase="Other"), "ResourceNotFound"),
        ("BadRequest", intune("x", CustomApiErrorPhrase="NotSupported"), "NotSupported"),
        ("UnknownError", json.dumps({"ErrorCode": "Forbidden", "Message": intune("x")}), "Forbidden"),
        ("UnknownError", json.dumps({"ErrorCode": "BadRequest", "Message": "x"}), "BadRequest"),
        ("BadRequest", intune("x"), "BadRequest"),
        ("", "x", "HTTP400"),
        (None, "x", "HTTP400"),
    ],
)
def test_the_code_is_the_most_specific_one_that_says_something(code: str, message: str, expected: str) -> None:
    assert error_of(read(400, code, message)).code == expected


def test_a_number_inside_says_less_than_the_name_outside() -> None:
    outcome = read(429, "TooManyRequests", "Please retry again later.", innerError={"code": "429", "status": "429"})

    assert error_of(outcome).code == "TooManyRequests"


def test_the_message_is_what_intune_said_without_its_own_addresses() -> None:
    message = json.dumps({"ErrorCode": "x", "Message": intune("The device is\r\n\tgone")})

    assert error_of(read(400, "BadRequest", message)).message == "The device is gone"


def test_a_message_is_one_short_line_without_control_characters() -> None:
    message = error_of(read(400, "A", "a\x00\x1b[31m\ud800b\u2028c " + "long " * 1000)).message

    assert len(message) <= 500
    assert message.startswith("a␀␛[31m�b c long")
    assert message.isprintable()


@pytest.mark.parametrize("name", ["innerError", "innererror", "InnerError"])
def test_the_request_id_is_found_in_the_body_where_no_header_has_it(name: str) -> None:
    assert error_of(read(404, "A", "b", **{name: {"request-id": "r-2"}})).request_id == "r-2"
    assert error_of(read(404, "A", "b", {"request-id": "r-1"}, **{name: {"request-id": "r-2"}})).request_id == "r-1"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Graph answered 503 without a message"),
        (b"null", "Graph answered 503 without a message"),
        (b"<html><head><TITLE>Proxy\n down</TITLE></head>", "a page of HTML instead of JSON: Proxy down"),
        (b"<!doctype html><p>", "a page of HTML instead of JSON"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": "invalid_token", "error_description": "Expired"}', "Expired"),
        (b'{"error": {"code": "ServiceUnavai', '{"error": {"code": "ServiceUnavai'),
        (b"\xff\xfe\x00", "\ufffd\ufffd␀"),
        (b"[" * 100_000, "[" * 499 + "…"),
        (b'{"error": ' * 10_000 + b"1" + b"}" * 10_000, '{"error": ' * 49 + '{"error":…'),
        (b"9" * 10_000, "9" * 499 + "…"),
    ],
)
def test_a_body_that_is_no_error_of_graphs_is_described(body: bytes, message: str) -> None:
    outcome = read_reply(503, {"request-id": "r-1"}, body, NOW)

    assert error_of(outcome) == GraphError("HTTP503", message, 503, "r-1")


def test_ten_megabytes_of_message_are_read_in_no_time() -> None:
    for filler in ("<", " ", "{", "- Url: ", "\\u0000"):
        body = '{"error": {"code": "A", "message": "' + filler * (10_000_000 // len(filler)) + '"}}'

        outcome = read_reply(500, {}, body.encode(), NOW)

        assert len(error_of(outcome).message) <= 500


def test_an_error_is_read_although_its_message_holds_a_raw_control_character() -> None:
    body = b'{"error": {"code": "ResourceNotFound", "message": "No device PC\x1b[31m1."}}'

    outcome = read_reply(404, {}, body, NOW)

    assert outcome == Refused(GraphError("ResourceNotFound", "No device PC\u241b[31m1.", 404))
