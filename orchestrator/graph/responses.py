"""From a reply to an outcome: the one place that knows what Graph's answers mean; pure, and never raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.graph.plain_text import one_line
from orchestrator.graph.provenance import error_of_stranger, is_from_graph, is_part_from_graph
from orchestrator.graph.replies import Told, decode, told_by
from orchestrator.graph.tenant_limits import concerns_tenant
from orchestrator.graph.waits import longest_wait

LONGEST_ID = 100
"""Characters of a request id that are kept; Graph's are GUIDs."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """The outcome of a single call."""
    named = {name.casefold(): text for name, text in headers.items()}
    # Nearly every reply is a 204, which has no body.
    return outcome_of(status, named, "" if status == 204 else decode(body, named), now)


def outcome_of(status: int, named: Mapping[str, str], body: object, now: datetime) -> Outcome:
    """The outcome of a reply whose body is decoded already; `named` are its headers, with names in lower case."""
    if is_from_graph(status, named, body):
        return _of_graph(status, named, body, now)
    return _of_stranger(status, named, body, now)


def outcome_of_part(status: int, named: Mapping[str, str], body: object, now: datetime) -> Outcome:
    """Returns the outcome of one part of an envelope."""
    if is_part_from_graph(status, named, body):
        return _of_graph(status, named, body, now)
    return _of_stranger(status, named, body, now)


def _of_stranger(status: int, named: Mapping[str, str], body: object, now: datetime) -> Outcome:
    """Returns the outcome of a reply that did not come from Graph: it says whether the call may have gone on to Graph.

    A redirect and a refusal stand in place of Graph's answer. Behind a page with 200 or a failed gateway Graph may have
    acted.
    """
    error = error_of_stranger(status, named, body)
    wait = longest_wait([named.get("retry-after")], date=named.get("date"), now=now)
    if 300 <= status < 500:
        return Deferred(error, wait)
    if 500 <= status < 600:
        return Deferred(error, wait, may_have_happened=True)
    return Uncertain(error)


def _of_graph(status: int, named: Mapping[str, str], body: object, now: datetime) -> Outcome:
    if status == 204:
        return Accepted(request_id=_request_id(named, None))
    told = told_by(body)
    error = GraphError(
        code=told.code or f"HTTP{status}",
        message=told.message or f"Graph answered {status} without a message",
        http_status=status,
        request_id=_request_id(named, told),
    )
    wait = longest_wait([named.get("retry-after"), *told.waits], date=named.get("date"), now=now)
    if 200 <= status < 300:
        return Uncertain(error, is_answer=True)
    if 300 <= status < 400:
        # Never followed: a bearer token goes to no other host.
        return Barred(error, Bar.WRONG_ENDPOINT)
    if 400 <= status < 500:
        return _not_now(error, wait) or _no(error, told, named)
    if 500 <= status < 600:
        return _unwell(error, wait)
    return Uncertain(error, is_answer=True)


def _not_now(error: GraphError, wait: timedelta | None) -> Outcome | None:
    match error.http_status:
        case 429:
            return Deferred(error, wait, closes_lane=True)
        case 408:
            return Uncertain(error)
        case 409 if "concurrency" in error.code.casefold() or error.code.casefold() == "resourcemodified":
            return Deferred(error, wait)
        case 423 | 424:
            return Deferred(error, wait)
        case _:
            return None


def _no(error: GraphError, told: Told, headers: Mapping[str, str]) -> Outcome:
    match error.http_status:
        case 405:
            return Barred(error, Bar.WRONG_ENDPOINT)
        case 412:
            return Barred(error, Bar.APPROVAL_REQUIRED)
        case 400 | 403 if _wants_approval(error, told, headers):
            return Barred(error, Bar.APPROVAL_REQUIRED)
        case 400 | 403 if concerns_tenant(told.code or "", told.text):
            return Barred(error, Bar.TENANT_UNABLE)
        case 400 | 404 if "resource not found for the segment" in told.text.casefold():
            return Barred(error, Bar.WRONG_ENDPOINT)
        case 401 | 403 if "urn:intune:" in (told.text + headers.get("www-authenticate", "")).casefold():
            # Intune's own realm: it knows the caller and grants nothing (no licence, no role), so no new token helps.
            return Barred(error, Bar.PERMISSION_MISSING)
        case 401:
            return Barred(error, Bar.TOKEN_REFUSED)
        case 403:
            return _denied(error, told)
        case _:
            return Refused(error)


def _denied(error: GraphError, told: Told) -> Outcome:
    code = error.code.casefold()
    if "following scopes" in told.text.casefold() or code in _PLAINLY_FORBIDDEN:
        return Barred(error, Bar.PERMISSION_MISSING)
    return Refused(error, perhaps_everywhere=True)


def _wants_approval(error: GraphError, told: Told, headers: Mapping[str, str]) -> bool:
    # Multi Admin Approval: https://learn.microsoft.com/intune/intune-service/fundamentals/multi-admin-approval
    return (
        "x-msft-approval-" in told.text.casefold()
        or "x-msft-approval-code" in headers
        or error.code.casefold() == "approvalrequired"
    )


def _unwell(error: GraphError, wait: timedelta | None) -> Outcome:
    match error.http_status:
        case 501 | 507:
            return Refused(error)
        case 503:
            return Deferred(error, wait)
        case 504:
            return Uncertain(error)
        case 509:
            # A cap on bandwidth clears slowly, and the reply seldom says when.
            return Deferred(error, max(wait or _BANDWIDTH_WAIT, _BANDWIDTH_WAIT))
        case _:
            return Deferred(error, wait, may_have_happened=True)


def _request_id(headers: Mapping[str, str], told: Told | None) -> str | None:
    from_header = one_line(headers.get("request-id", ""), LONGEST_ID)
    return from_header or (told.request_id if told is not None else None)


_BANDWIDTH_WAIT = timedelta(seconds=60)
_PLAINLY_FORBIDDEN = frozenset({"forbidden", "http403", "unknownerror", "badrequest"})
