"""Numbers and times as people read them; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


def plural(count: int, noun: str) -> str:
    """So many of them: "1 device", "1,000 devices"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@overload
def rfc3339(instant: datetime) -> str: ...
@overload
def rfc3339(instant: datetime | None) -> str | None: ...
def rfc3339(instant: datetime | None) -> str | None:
    """UTC with a Z, to the millisecond."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_second(instant: datetime) -> str:
    """Returns the time in UTC to the second, as occurrences of schedules have it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(instant: datetime | None) -> str:
    """The time on this machine's clock with its offset, for a table."""
    return "" if instant is None else instant.astimezone().isoformat(sep=" ", timespec="seconds")
