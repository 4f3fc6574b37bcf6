"""Web pages that stand where JSON belongs: whether a body is one, and its title; pure."""

from __future__ import annotations

import re
from html import unescape

from orchestrator.graph.plain_text import one_line

_LONGEST_START = 64 * 1024
"""Characters in which a title is looked for: portals put long scripts before it."""

_LONGEST_TITLE = 120
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype|html|head|body|title|meta|script|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<title\b[^>]{0,200}>([^<]{0,1000})", re.IGNORECASE)
_HEADING = re.compile(r"<h[12]\b[^>]{0,200}>([^<]{0,1000})", re.IGNORECASE)


def is_page(body: object) -> bool:
    """Whether a decoded body is a page of HTML."""
    return isinstance(body, str) and _PAGE.match(body[:4096]) is not None


def title_of(body: object) -> str:
    """The title of a page, else its first heading, on one line; empty where there is neither."""
    if not is_page(body):
        return ""
    start = str(body)[:_LONGEST_START]
    for pattern in (_TITLE, _HEADING):
        found = pattern.search(start)
        if found is not None and (title := one_line(unescape(found[1]), _LONGEST_TITLE)):
            return title
    return ""
