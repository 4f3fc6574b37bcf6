"""The outcome of each call of a request, read from the answer to the request; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from orchestrator.domain.call import EnvelopesRefused
from orchestrator.domain.outcome import Accepted, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.graph.plain_text import one_line
from orchestrator.graph.provenance import is_from_graph
from orchestrator.graph.replies import decode
from orchestrator.graph.responses import LONGEST_ID, outcome_of, outcome_of_part, read_reply


class Part(NamedTuple):
    """One answered call: its outcome, and the headers that came with it."""

    outcome: Outcome
    headers: Mapping[str, str]


def read_parts(
    count: int, status: int, headers: Mapping[str, str], body: bytes, now: datetime, *, is_complete: bool
) -> list[Part] | EnvelopesRefused:
    """Returns the outcome of each of `count` calls: of a single one from its reply, of several from their envelope.

    `is_complete` says whether the whole body was read.
    """
    if count == 1:
        return [Part(read_reply(status, headers, body, now), headers)]
    if status == 200 and not is_complete:
        error = GraphError("ConnectionLost", "the answer to the envelope broke off", 200)
        return [Part(Uncertain(error), headers)] * count
    return read_envelope(count, status, headers, body, now)


def read_envelope(
    count: int, status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> list[Part] | EnvelopesRefused:
    """A part for each of `count` calls, in their order; the parts of the answer come in any."""
    headers = {name.casefold(): text for name, text in headers.items()}
    if status != 200:
        return _without_parts(count, outcome_of(status, headers, decode(body, headers), now), headers)
    decoded = decode(body, headers)
    answers = _answers(decoded)
    if answers is None and not is_from_graph(status, headers, decoded):
        return [Part(outcome_of(status, headers, decoded, now), headers)] * count
    if answers is None:
        error = GraphError("EnvelopeUnreadable", "the answer to the envelope makes no sense", status, _id_of(headers))
        return [Part(Uncertain(error, is_answer=True), headers)] * count
    return [_part(answers.get(str(number), []), headers, now) for number in range(1, count + 1)]


def _without_parts(count: int, outcome: Outcome, headers: Mapping[str, str]) -> list[Part] | EnvelopesRefused:
    match outcome:
        case Barred(error) if error.http_status == 401:
            return [Part(outcome, headers)] * count
        case Refused(error) | Barred(error):
            # The fault may lie in the envelope alone; sent singly, the calls will show it.
            return EnvelopesRefused(error)
        case Accepted():
            error = GraphError(
                "EnvelopeUnreadable", "the envelope was answered without its parts", 204, _id_of(headers)
            )
            return [Part(Uncertain(error, is_answer=True), headers)] * count
        case Deferred() | Uncertain():
            return [Part(outcome, headers)] * count


def _answers(body: object) -> dict[str, list[dict[str, object]]] | None:
    responses = body.get("responses") if isinstance(body, dict) else None
    if not isinstance(responses, list):
        return None
    answers: dict[str, list[dict[str, object]]] = {}
    for each in responses:
        if isinstance(each, dict):
            answers.setdefault(str(each.get("id")), []).append(each)
    return answers


def _part(answers: list[dict[str, object]], envelope: Mapping[str, str], now: datetime) -> Part:
    if len(answers) != 1 or (status := _status(answers[0].get("status"))) is None:
        # Missing, answered twice or without a status: no such answer says that the call did not happen.
        error = GraphError(
            "PartUnanswered", "the answer to the envelope has no clear part for it", 200, _id_of(envelope)
        )
        return Part(Uncertain(error, is_answer=True), {})
    given = answers[0].get("headers")
    if status == 204:
        # Nearly every part: nothing else in it matters.
        return Part(Accepted(one_line(_name_in(given), LONGEST_ID) or _id_of(envelope)), {})
    own = {str(name).casefold(): str(text) for name, text in _items(given)}
    body = answers[0].get("body")
    decoded = decode(body.encode(errors="replace")) if isinstance(body, str) else body
    # A part that is not dated or named by itself is so by its envelope; a wait is only ever its own.
    dated = {"date": envelope["date"], **own} if "date" in envelope else own
    return Part(_named(outcome_of_part(status, dated, decoded, now), _id_of(envelope)), own)


def _named(outcome: Outcome, request_id: str | None) -> Outcome:
    if isinstance(outcome, Accepted):
        return outcome
    error = outcome.error
    return replace(outcome, error=replace(error, request_id=error.request_id or request_id))


def _name_in(headers: object) -> str:
    # As it is mostly spelled; looked for in any letter case it takes five times as long.
    if isinstance(headers, dict) and isinstance(name := headers.get("request-id"), str):
        return name
    return next((str(text) for name, text in _items(headers) if str(name).casefold() == "request-id"), "")


def _items(headers: object) -> Iterable[tuple[object, object]]:
    return headers.items() if isinstance(headers, dict) else ()


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id_of(headers: Mapping[str, str]) -> str | None:
    return one_line(headers.get("request-id", ""), LONGEST_ID) or None
