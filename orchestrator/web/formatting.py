"""Ages, rates, percentages and moments as pages show them; pure."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from orchestrator.domain.figures import plural, rfc3339
from orchestrator.domain.job import JobStatus, Tally, status_words
from orchestrator.domain.spans import span

PARTS = ("accepted", "failed", "uncertain", "cancelled", "sending", "waiting")
"""The statuses of targets in the order in which a bar shows them."""


def number(value: int) -> str:
    """1,000,000."""
    return f"{value:,}"


def percent(part: int, whole: int) -> str:
    """A share that never rounds up to all, nor down to nothing."""
    if not whole:
        return "0 %"
    share = 100 * part / whole
    if part and share < 1:
        return "< 1 %"
    return f"{min(int(share), 99) if part < whole else 100} %"


def moment(value: datetime | None) -> Markup:
    """A time in UTC that the page turns into the reader's own, with UTC on hover."""
    if value is None:
        return Markup('<span class="quiet">never</span>')
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        rfc3339(utc), f"{utc:%Y-%m-%d %H:%M:%S}", f"{utc:%Y-%m-%d %H:%M}"
    )


def bar(tally: Tally) -> list[tuple[str, float, float]]:
    """The parts of a progress bar as (status, where it begins, how wide it is), of a width of 100."""
    parts: list[tuple[str, float, float]] = []
    begins = 0.0
    for status in PARTS:
        count = getattr(tally, status)
        if count and tally.total:
            width = 100 * count / tally.total
            parts.append((status, round(begins, 3), round(width, 3)))
            begins += width
    return parts


def headline(tally: Tally) -> str:
    """How many devices were called; of a cancelled job the others never will be."""
    words = f"{number(tally.called)} of {plural(tally.total, 'device')}"
    return f"{words} called" if tally.cancelled else words


def standing(status: JobStatus, tally: Tally) -> tuple[str, str]:
    """The kind of a job's badge, which gives the colour, and its words."""
    words = status_words(status, tally)
    if words == status.value:
        return status.value, words
    return ("failures" if tally.accepted else "failed"), words


def left(finish_at: datetime | None, now: datetime) -> str | None:
    """How long it will still take."""
    return None if finish_at is None else span((finish_at - now).total_seconds())


def per_second(value: float | None) -> str:
    """A rate."""
    return "no limit" if value is None else f"{value:.1f} a second"
