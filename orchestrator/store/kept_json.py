"""JSON as it stands in a row: what cannot be read is told in the log and taken for nothing, and breaks no view."""

from __future__ import annotations

import json
from typing import Any

import structlog

log = structlog.get_logger()


def kept_list(text: str | None, column: str) -> list[Any] | None:
    """The list in a column, empty where there is none; None where the text is no list."""
    value = _kept(text, list, column)
    return value if isinstance(value, list) else None


def kept_lines(text: str | None) -> list[int]:
    """The lines in `batches.in_flight`; none where the text is no list of lines."""
    lines = kept_list(text, "batches.in_flight") or []
    return lines if all(isinstance(line, int) for line in lines) else []


def kept_object(text: str | None, column: str) -> dict[str, Any] | None:
    """The object in a column, empty where there is none; None where the text is no object."""
    value = _kept(text, dict, column)
    return value if isinstance(value, dict) else None


def _kept(text: str | None, kind: type, column: str) -> Any:
    if not text:
        return kind()
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        value = None
    if isinstance(value, kind):
        return value
    log.warning("row.unreadable", column=column)
    return None
