"""Spans of time as people read them."""

from __future__ import annotations

import re
from datetime import timedelta

from orchestrator.domain.errors import ScheduleInvalid


def span(seconds: float) -> str:
    """A span in its two largest units: "7 days", "1 d 05 h", "1 h 05 min", "3 min 20 s", "12 s"."""
    rounded = max(0, round(seconds))
    if rounded >= 86_400:
        days, hours = divmod(rounded // 3600, 24)
        return f"{days} d {hours:02} h" if hours else f"{days} day{'' if days == 1 else 's'}"
    if rounded >= 3600:
        return f"{rounded // 3600} h {rounded % 3600 // 60:02} min"
    if rounded >= 60:
        return f"{rounded // 60} min {rounded % 60:02} s"
    return f"{rounded} s"


def parse_span(text: str) -> timedelta:
    """The span that "90m", "1h30m", "45s" or "2d" names; ScheduleInvalid says what a span looks like."""
    match = _SPAN.fullmatch(text.strip().casefold().replace(" ", ""))
    if match is None or not any(match.groups()):
        raise ScheduleInvalid(f"{text!r} is no span of time; it takes forms such as 30s, 15m, 1h, 1h30m or 2d.")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ScheduleInvalid(f"{text!r} is too long a time.") from None


def written_span(value: timedelta) -> str:
    """The span as `parse_span` reads it: "1h30m"."""
    left, parts = int(value.total_seconds()), []
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


_SPAN = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m(?:in)?)?(?:(\d{1,8})s)?")
