"""UTC times as both databases keep them: `timestamptz` in PostgreSQL, sortable RFC 3339 text in SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, String, func, literal
from sqlalchemy.types import TypeDecorator, TypeEngine

from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

LONG_PAST = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that cannot be read: what it would have opened is shut, and what it would have held is free."""

_LATEST_YEAR = 9_000
"""Behind it sums of times and spans overflow."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime in Python on either database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database has no type for it."""
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Into the database; a naive time is a bug of ours."""
        if value is None or dialect.name != "sqlite":
            return value
        return to_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The time; one that cannot be right (no time, or centuries away) counts as long past."""
        return None if value is None else _instant(value)


def _instant(value: object) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        instant = None
    # Without a zone it was written by no release.
    if instant is None or instant.tzinfo is None or not LONG_PAST.year <= instant.year <= _LATEST_YEAR:
        log.warning("row.unreadable", kind="time")
        return LONG_PAST
    return instant


def first_of(column: Any, instant: datetime) -> ColumnElement[datetime]:
    """The column where it is set, the time otherwise."""
    # A bare parameter inside a function would be written by the driver's rules and not by ours.
    return func.coalesce(column, literal(instant, UtcDateTime()))


def to_text(instant: datetime) -> str:
    """RFC 3339 with microseconds and Z: sorts as it reads, and PostgreSQL casts it."""
    if instant.tzinfo is None:
        raise ValueError("a time without a zone reached the store")
    utc = instant.astimezone(UTC)
    # Half the time of isoformat(), for the last contact of every device of an inventory.
    date = f"{utc.year:04}-{utc.month:02}-{utc.day:02}"
    return f"{date}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}.{utc.microsecond:06}Z"
