"""Reads code, message, request id and waits from the body of an error, of any form; pure.

Graph wraps the errors of Intune, and Intune writes JSON into the message of its own, up to three times over.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.graph.plain_text import one_line
from orchestrator.graph.web_pages import is_page, title_of

LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Told:
    """The content of a reply's body; `code` is None where it named none, `text` is all of it, for matching."""

    code: str | None
    message: str
    request_id: str | None
    waits: tuple[object, ...]
    text: str


def decode(body: bytes, headers: Mapping[str, str] | None = None, *, most: int | None = None) -> object:
    """The JSON value of a body, or its text where it is none; `headers` have names in lower case.

    A call asks for no compression and no other encoding than UTF-8; a proxy may choose both all the same. A compressed
    body is unpacked up to `most` bytes, 256 KiB where that is None.
    """
    headers = headers or {}
    text = _text_of(
        _unpacked(body, headers.get("content-encoding", ""), most or _LONGEST_UNPACKED), headers.get("content-type", "")
    )
    try:
        # Some servers copy a device's name into a message with its control characters, which JSON wants escaped.
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def told_by(body: object) -> Told:
    """Reads a decoded body."""
    layers = list(_layers(body))
    codes = [code for layer in layers for name in _CODES if (code := one_line(_text(layer, name), _LONGEST_CODE))]
    said = [text for layer in layers for name in _MESSAGES if (text := _text(layer, name))]
    ids = (one_line(_text(layer, "request-id") or _text(layer, "requestid"), _LONGEST_CODE) for layer in layers)
    return Told(
        code=_most_specific(codes),
        message=_readable(said) if layers else _outside_json(body),
        request_id=next((each for each in ids if each), None),
        waits=tuple(layer.get("retryafter") for layer in layers),
        text=" ".join([*codes, *said])[:_LONGEST_TEXT] if layers else str(body)[:_LONGEST_TEXT],
    )


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    if encoding.strip().casefold() not in {"gzip", "x-gzip", "deflate"}:
        return body
    try:
        # Bounded: a small body may unfold into gigabytes. 47 reads both formats by their headers.
        return zlib.decompressobj(wbits=47).decompress(body, most)
    except zlib.error:
        return body


def _text_of(body: bytes, content_type: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(content_type)
    try:
        return body.decode(declared[1] if declared is not None else "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _layers(body: object) -> Iterator[Mapping[str, Any]]:
    """The objects of an error from the outside in, as deep as any was seen, and no deeper."""
    if isinstance(body, dict):
        folded = _folded(body)
        error = folded.get("error")
        body = error if isinstance(error, dict) else folded
    for _ in range(_DEEPEST):
        if not isinstance(body, dict):
            return
        layer = _folded(body)
        yield layer
        inner = layer.get("innererror")
        if isinstance(inner, dict):
            yield _folded(inner)
        body = next((each for name in _MESSAGES if isinstance(each := _opened(layer.get(name)), dict)), None)


def _opened(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _folded(raw: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).casefold(): value for key, value in raw.items()}


def _text(layer: Mapping[str, Any], name: str) -> str:
    value = layer.get(name)
    return value if isinstance(value, str) else ""


def _most_specific(codes: list[str]) -> str | None:
    named = [code for code in codes if not code.isdigit()]
    if named and named[0].casefold() not in _VAGUE:
        return named[0]
    telling = [code for code in named if code.casefold() not in _VAGUE]
    if telling:
        return telling[-1]
    return next((code for code in named if code.casefold() != "unknownerror"), named[0] if named else None)


def _readable(said: list[str]) -> str:
    for text in reversed(said):
        plain = _without_backend(text)
        if plain and not plain.startswith("{"):
            return plain
    return ""


def _without_backend(text: str) -> str:
    # Operation and activity ids and the address of the scale unit say nothing to an administrator.
    line = one_line(text, _LONGEST_TEXT)
    return one_line(_BACKEND_URL.sub("", _SUPPORT.sub("", line)), LONGEST_MESSAGE).rstrip(" -")


def _outside_json(body: object) -> str:
    if not isinstance(body, str) or not body.strip():
        return ""
    if not is_page(body):
        return one_line(body[:_LONGEST_TEXT], LONGEST_MESSAGE)
    title = title_of(body)
    return f"a page of HTML instead of JSON: {title}" if title else "a page of HTML instead of JSON"


_CODES = ("code", "errorcode", "customapierrorphrase")
_MESSAGES = ("message", "error_description")
_VAGUE = frozenset(
    {
        "unknownerror",
        "badrequest",
        "internalerror",
        "internalservererror",
        "internal_server_error",
        "generalexception",
        "invalidrequest",
        "error",
        "unspecified",
        "undefined",
        "none",
        "null",
    }
)
_DEEPEST = 5
_LONGEST_UNPACKED = 256 * 1024
_CHARSET = re.compile(r"charset=[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_LONGEST_CODE = 100
_LONGEST_TEXT = 4000
_SUPPORT = re.compile(r" ?-? ?\b(?:Operation ID|Activity ID|Url) ?(?:\([^)]{0,60}\))?: ?\S+", re.IGNORECASE)
_BACKEND_URL = re.compile(r"https?://[^\s/]{1,200}\.manage\.microsoft\.[a-z]{2,3}\S*", re.IGNORECASE)
