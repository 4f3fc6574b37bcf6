"""How long a reply says to wait, in every form in which Graph and Intune were seen to say it; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = timedelta(hours=1)
"""A reply that names next year does not stop a job for a year."""


def longest_wait(hints: Iterable[object], *, date: str | None, now: datetime) -> timedelta | None:
    """The longest of the waits that were named, None if there is none; dates count from the reply's own `date`."""
    sent_at = _instant(date) or now
    waits = [wait for hint in hints for wait in _waits(hint, sent_at)]
    # "Wait for nothing" names no wait: the backoff decides, or a throttled caller would come back at once.
    longest = max(waits, default=0.0)
    return min(timedelta(seconds=longest), LONGEST_WAIT) if longest > 0 else None


def _waits(hint: object, sent_at: datetime) -> list[float]:
    if isinstance(hint, bool) or not isinstance(hint, str | int | float):
        return []
    if not isinstance(hint, str):
        return [_bounded(hint)]
    # A header given twice arrives as one text with commas, which dates contain too.
    texts = [hint, *hint.split(",")] if len(hint) < _LONGEST_TEXT else []
    return [wait for text in texts if (wait := _seconds(text.strip(), sent_at)) is not None]


def _seconds(text: str, sent_at: datetime) -> float | None:
    if _NUMBER.fullmatch(text):
        return _bounded(float(text))
    if span := _TIMESPAN.fullmatch(text):
        days, hours, minutes, seconds = (float(part or 0) for part in span.groups())
        return _bounded(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    instant = _instant(text)
    return None if instant is None else _bounded((instant - sent_at).total_seconds())


def _instant(text: str | None) -> datetime | None:
    if not text or len(text) >= _LONGEST_TEXT:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            instant = read(text)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _bounded(seconds: float) -> float:
    if isinstance(seconds, float) and math.isnan(seconds):
        return 0.0
    return float(max(0, min(seconds, LONGEST_WAIT.total_seconds())))


_LONGEST_TEXT = 100
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d*)?", re.ASCII)
_TIMESPAN = re.compile(r"(?:(\d{1,6})\.)?(\d{1,4}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)", re.ASCII)
