"""`$batch`: up to 20 calls in one request, each answered by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from orchestrator.simulator.bodies import BadBody, action_in_json
from orchestrator.simulator.handler import Asked
from orchestrator.simulator.paths import segments_of
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.tenant import Call
from orchestrator.simulator.tokens import Bearer

MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One call inside an envelope."""

    id: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: object
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why the envelope as a whole is refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The envelope's answer, the calls in it, and how long the slowest part held it back."""

    payload: dict[str, object]
    calls: list[Call]
    delay: float


def parts_of(body: bytes) -> list[Part] | Malformed:
    """The parts of an envelope: https://learn.microsoft.com/graph/json-batching"""
    try:
        requests = json.loads(body)["requests"]
        parts = [_part(each) for each in requests]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Malformed("Invalid batch payload format.")
    if not 1 <= len(parts) <= MOST_PARTS:
        return Malformed(f"The number of requests in a batch must be between 1 and {MOST_PARTS}.")
    if len({part.id.lower() for part in parts}) != len(parts):
        return Malformed("Every request in a batch must have an id of its own.")
    return parts


def answer_parts(
    parts: list[Part],
    answer: Callable[[Asked], tuple[Call, Reply]],
    *,
    version: str,
    bearer: Bearer | None,
    envelope: str,
    client_request_id: str,
    random: Random,
) -> Answered:
    """Answer every part by itself, and give the answers in any order."""
    failed: set[str] = set()
    answers: list[dict[str, object]] = []
    calls: list[Call] = []
    delay = 0.0
    for part in parts:
        if failed.intersection(part.depends_on):
            failed.add(part.id)
            answers.append(
                _part_answer(part.id, 424, {"error": {"code": "FailedDependency", "message": "Failed."}}, {})
            )
            continue
        asked = Asked(
            part.method,
            version,
            segments_of(part.url if part.url.startswith("/") else "/" + part.url),
            _action(part),
            bearer,
            part.headers.get("client-request-id", client_request_id),
            envelope,
        )
        call, reply = answer(asked)
        calls.append(call)
        delay = max(delay, reply.delay)
        if reply.status >= 400:
            failed.add(part.id)
        answers.append(
            _part_answer(part.id, reply.status, _json_of(reply), {name.title(): text for name, text in reply.headers})
        )
    random.shuffle(answers)
    return Answered({"responses": answers}, calls, delay)


def _part(each: Any) -> Part:
    headers = {name.lower(): str(text) for name, text in (each.get("headers") or {}).items()}
    identifier, method, url = each["id"], each["method"], each["url"]
    if not (isinstance(identifier, str) and isinstance(method, str) and isinstance(url, str)):
        raise TypeError(each)
    return Part(identifier, method.upper(), url, headers, each.get("body"), tuple(each.get("dependsOn") or ()))


def _action(part: Part) -> str | BadBody:
    if part.body is not None and "content-type" not in part.headers:
        return BadBody("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
    return action_in_json(part.body)


def _json_of(reply: Reply) -> object:
    return reply.payload.decode("latin-1") if isinstance(reply.payload, bytes) else reply.payload


def _part_answer(identifier: str, status: int, body: object, headers: dict[str, str]) -> dict[str, object]:
    answer: dict[str, object] = {"id": identifier, "status": status}
    if body is not None:
        headers = {"Content-Type": "application/json", **headers}
        answer["body"] = body
    if headers:
        answer["headers"] = headers
    return answer
