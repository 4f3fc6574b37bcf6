"""Who wrote a reply: Graph, or something between here and Graph; pure.

A proxy, a gateway, a portal or a filter answers with statuses of HTTP too. Its 403 says nothing about a permission of
the app, and its 404 nothing about a device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from orchestrator.domain.outcome import NOT_FROM_GRAPH, GraphError
from orchestrator.graph.challenges import claims_wanted
from orchestrator.graph.plain_text import one_line
from orchestrator.graph.web_pages import is_page, title_of

_NEVER_GRAPHS = frozenset({407, 511})
"""By RFC 9110 and RFC 6585 only a proxy and a captive network answer so."""

_NO_SUCH_QUESTION = frozenset({404, 405, 501})
_OF_A_LIBRARY = re.compile(
    r"^\s*$|^error\b|\b(?:404|405|501)\b|not (?:found|allowed|implemented|supported)|unsupported"
    r"|unknown|unrecogni[sz]ed|no such|cannot (?:get|post)|no handler|invalid (?:path|resource|segment|ur[il])",
    re.IGNORECASE,
)
_LONGEST_TEXT = 200
_SAYINGS = ("message", "error", "error_description", "detail", "title", "reason", "faultstring")


def is_from_graph(status: int, headers: Mapping[str, str], body: object) -> bool:
    """Whether Graph wrote the reply; `headers` have names in lower case, `body` is decoded JSON or text.

    Graph names each request in `request-id`, and writes every error as https://learn.microsoft.com/graph/errors has it.
    """
    if status in _NEVER_GRAPHS:
        return False
    if status == 204:
        return _length(headers) == 0
    if headers.get("request-id", "").strip() or _has_graphs_shape(body):
        return True
    if status == 429:
        # A gateway of Graph may count calls: none of them was acted on, and the wait that it names holds.
        return not is_page(body)
    return status == 401 and claims_wanted(headers) is not None


def is_stranger_on_the_way(status: int, headers: Mapping[str, str], body: object, *, is_cloud: bool) -> bool:
    """Whether the answer to a question without a device shows that something in between keeps calls from Graph.

    A cloud of Microsoft's signs every answer. A substitute for Graph at an address of one's own (`is_cloud` is false)
    need not know the question: an answer without a word, or that there is no such question, keeps no call away. A
    gateway that answers 404 with other words (no route, blocked, a portal's page) does.
    """
    if is_from_graph(status, headers, body):
        return False
    if is_cloud or status in _NEVER_GRAPHS or 300 <= status < 400:
        return True
    if status in _NO_SUCH_QUESTION:
        return _OF_A_LIBRARY.search(_message_in(body)) is None
    return not _says_nothing(body) and not _is_collection(body)


def is_part_from_graph(status: int, headers: Mapping[str, str], body: object) -> bool:
    """Whether Graph wrote this part of its envelope: a part may be a page, or have no body."""
    return is_from_graph(status, headers, body) or not (status in _NEVER_GRAPHS or is_page(body))


def error_of_stranger(status: int, headers: Mapping[str, str], body: object) -> GraphError:
    """The error that says what answered in Graph's place, in words for people."""
    return GraphError(
        NOT_FROM_GRAPH, f"something between here and Graph answered {describe_answer(status, headers, body)}", status
    )


def describe_answer(status: int, headers: Mapping[str, str], body: object) -> str:
    """The answer of something that is not Graph, described as the end of a sentence."""
    if status == 407:
        named = one_line(headers.get("proxy-authenticate", ""), _LONGEST_TEXT).partition(" ")[0]
        wanted = f" ({named})" if named else ""
        return f"HTTP 407: a proxy wants a sign-in{wanted}{_titled(body)}"
    if 300 <= status < 400 and (host := _host_in(headers.get("location", ""))):
        return f"HTTP {status} and sends the call to {host}{_titled(body)}"
    if is_page(body):
        return f"HTTP {status} with a web page{_titled(body)}"
    text = one_line(_message_in(body), _LONGEST_TEXT)
    return f"HTTP {status}: {text}" if text else f"HTTP {status} without a word of Graph's"


def _message_in(body: object) -> str:
    """The title of a page, a text, or the message in the JSON of a gateway; empty where there is none."""
    if isinstance(body, str):
        return title_of(body) if is_page(body) else body
    folded = _folded(body)
    layers = (folded, _folded(folded.get("error")), _folded(folded.get("fault")))
    said = (each.get(name) for each in layers for name in _SAYINGS)
    return next((text for text in said if isinstance(text, str) and text.strip()), "")


def _titled(body: object) -> str:
    title = title_of(body)
    return f", titled “{title}”" if title else ""


def _has_graphs_shape(body: object) -> bool:
    """An error as OData defines it: an object with a `code`, which is a text; other gateways write numbers, or none."""
    error = _folded(body).get("error")
    inside = _folded(error)
    return (
        "code" in inside
        and isinstance(inside["code"], str | None)
        and isinstance(inside.get("message"), str | None)
        and (inside["code"] is not None or "message" in inside)
    )


def _says_nothing(body: object) -> bool:
    return body in ({}, [], None) or (isinstance(body, str) and not body.strip())


def _is_collection(body: object) -> bool:
    """The content types of OData answers: https://docs.oasis-open.org/odata/odata-json-format/v4.01/"""
    return any(name == "value" or name.startswith("@odata.") for name in _folded(body))


def _folded(layer: object) -> dict[str, object]:
    return {str(key).casefold(): value for key, value in layer.items()} if isinstance(layer, dict) else {}


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _host_in(location: str) -> str:
    try:
        host = urlsplit(location.strip()).hostname or ""
    except ValueError:
        return ""
    return one_line(host, _LONGEST_TEXT)
