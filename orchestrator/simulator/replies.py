"""Answers in the shapes that Microsoft documents and that Intune really sends; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Literal

from orchestrator.simulator.tenant import Call
from orchestrator.simulator.throttling import RetryAfter, retry_after_header

Headers = tuple[tuple[str, str], ...]
Delivery = Literal["answered", "closed"]

PRIVILEGED = "DeviceManagementManagedDevices.PrivilegedOperations.All"
_NO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: a status with JSON (or raw bytes), or a closed connection, and what really happened.

    `stands_between` marks the reply of a proxy or a portal, which carries none of the headers that Graph sends.
    """

    status: int
    payload: object = None
    headers: Headers = ()
    effect: bool = False
    delivery: Delivery = "answered"
    delay: float = 0.0
    stands_between: bool = False

    def encoded(self) -> bytes:
        """The payload as bytes."""
        if self.payload is None:
            return b""
        return self.payload if isinstance(self.payload, bytes) else json.dumps(self.payload).encode()


ACCEPTED = Reply(204, effect=True)


def iso(wall: float) -> str:
    """UTC without a zone, as Graph writes the date inside an error."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def error(
    call: Call, status: int, code: str, message: str, *, headers: Headers = (), inner: Mapping[str, str] | None = None
) -> Reply:
    """The standard error shape: https://learn.microsoft.com/graph/errors"""
    inner_error = {
        **(inner or {}),
        "date": iso(call.arrived_at),
        "request-id": call.request_id,
        "client-request-id": call.client_request_id or call.request_id,
    }
    return Reply(status, {"error": {"code": code, "message": message, "innerError": inner_error}}, headers)


def intune_error(
    call: Call,
    status: int,
    code: str,
    text: str,
    *,
    phrase: str = "",
    retry_after: int | None = None,
    headers: Headers = (),
) -> Reply:
    """Intune's shape: a JSON document written into the message of the outer error."""
    inside = {
        "_version": 3,
        "Message": (
            f"{text} - Operation ID (for customer support): {_NO_ID} - Activity ID: {call.request_id}"
            f" - Url: https://fef.msua01.manage.microsoft.com/DeviceFE/StatelessDeviceFEService/deviceManagement"
        ),
        "CustomApiErrorPhrase": phrase,
        "RetryAfter": retry_after,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    }
    return error(call, status, code, json.dumps(inside, indent=2).replace("\n", "\r\n"), headers=headers)


def too_many_requests(call: Call, style: RetryAfter, wait: float) -> Reply:
    """429 as documented when it carries a header, and as Intune was seen to send it when it does not."""
    headers = retry_after_header(style, wait, call.arrived_at)
    match style:
        case "nested":
            return intune_error(call, 429, "TooManyRequests", "Too many requests", retry_after=int(wait))
        case "none":
            return error(call, 429, "TooManyRequests", "An error has occurred.")
        case _:
            inner = {"code": "429", "message": "Please retry after", "status": "429"}
            return error(call, 429, "TooManyRequests", "Please retry again later.", headers=headers, inner=inner)


def no_such_segment(call: Call, segment: str) -> Reply:
    """400 for a path that leads nowhere."""
    return error(call, 400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def missing_device(call: Call) -> Reply:
    """404 as Intune writes it."""
    return intune_error(call, 404, "ResourceNotFound", "An error has occurred", phrase="ResourceNotFound")


def invalid_token(call: Call, message: str) -> Reply:
    """401 with the usual challenge."""
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    return error(call, 401, "InvalidAuthenticationToken", message, headers=(("www-authenticate", challenge),))


def missing_scope(call: Call) -> Reply:
    """403 that lists the scopes one of which is needed."""
    text = (
        "Application is not authorized to perform this operation."
        f" Application must have one of the following scopes: {PRIVILEGED}"
    )
    return intune_error(call, 403, "Forbidden", text, phrase="Forbidden")


def http_date(wall: float) -> str:
    """A moment as HTTP headers write it."""
    return formatdate(int(wall), usegmt=True)
