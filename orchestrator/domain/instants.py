"""Times as people write them in a filter: a day, a time, or how long ago; pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from orchestrator.domain.errors import RequestRejected, ScheduleInvalid
from orchestrator.domain.spans import parse_span


def parse_instant(text: str, *, now: datetime, zone: tzinfo | None = UTC) -> datetime:
    """The time in UTC that "24h", "7d", "2026-11-28" or "2026-11-28T02:00" means at `now`.

    A time without an offset is read in `zone`, with None on the clock of this machine. RequestRejected for other texts.
    """
    written = text.strip()
    try:
        return (now - parse_span(written)).astimezone(UTC)
    except (ScheduleInvalid, OverflowError):
        pass
    try:
        time = datetime.fromisoformat(written)
        if time.tzinfo is None and zone is not None:
            time = time.replace(tzinfo=zone)
        return time.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise RequestRejected(
            f"{text!r} is no time; it takes how long ago (24h, 7d), a day (2026-11-28) or a time (2026-11-28T02:00)."
        ) from None
