"""Numbers, spans and moments as people read them; pure."""

from __future__ import annotations

from datetime import UTC, datetime


def plural(count: int, noun: str) -> str:
    """So many of them: "1 device", "1,000 devices"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """A span in its two largest units: "1 h 05 min", "3 min 20 s", "12 s"."""
    whole = max(0, round(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole} s"


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with a Z, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(moment: datetime | None) -> str:
    """The moment on this machine's clock, for a table."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
