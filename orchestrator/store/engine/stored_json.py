"""Values as they stand in a row: one that cannot be read is logged and counts as absent, and breaks no view."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from orchestrator.domain.errors import RequestRejected
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_Member = TypeVar("_Member", bound=StrEnum)
_Row = TypeVar("_Row")
_Read = TypeVar("_Read")


def stored_list(text: str | None, column: str) -> list[Any] | None:
    """The list in a column, empty where there is none; None where the text is no list."""
    value = _kept(text, list, column)
    return value if isinstance(value, list) else None


def stored_lines(text: str | None) -> list[int]:
    """The lines in `batches.in_flight`; none where the text is no list of lines."""
    lines = stored_list(text, "batches.in_flight") or []
    return lines if all(isinstance(line, int) for line in lines) else []


def stored_object(text: str | None, column: str) -> dict[str, Any] | None:
    """The object in a column, empty where there is none; None where the text is no object."""
    value = _kept(text, dict, column)
    return value if isinstance(value, dict) else None


def stored_canaries(text: str | None) -> tuple[int, ...] | None:
    """The lines in `jobs.canaries`, none where none go first; None where the text is no list of any line."""
    if text is None:
        return ()
    lines = stored_list(text, "jobs.canaries") or []
    return tuple(lines) if lines and all(type(line) is int for line in lines) else None


def stored_member(kind: type[_Member], text: object, column: str) -> _Member | None:
    """The member of an enumeration in a column; None where there is none of this name."""
    try:
        return kind(str(text))
    except ValueError:
        log.warning("row.unreadable", column=column)
        return None


def readable(rows: Iterable[_Row], read: Callable[[_Row], _Read]) -> list[_Read]:
    """Returns the result of `read` for each row; a row for which it raises RequestRejected is logged and left out."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except RequestRejected as problem:
            log.warning("row.unreadable", problem=str(problem))
    return found


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
