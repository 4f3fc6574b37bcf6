"""Ages, rates, percentages and times as pages show them; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup

from orchestrator.domain.figures import plural, rfc3339
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.spans import span

PARTS = ("accepted", "uncertain", "failed", "cancelled", "sending", "waiting")
"""The statuses of targets in the order in which a bar shows them."""

_SEAM = re.compile(r"[._]|(?<=[a-z])(?=[A-Z])")


def number(value: int) -> str:
    """Formats a number with thousands separators: 1,000,000."""
    return f"{value:,}"


def as_limit(limit: WriteLimit | None) -> str:
    """A write limit: 200 in 20 s."""
    return "none" if limit is None else f"{limit.calls:,} in {span(limit.window.total_seconds())}"


def in_words(name: str) -> str:
    """A name of the audit log as words: `job.submitted` as Job submitted, `expiresAt` as Expires at."""
    words = _SEAM.sub(" ", name).lower()
    return words[:1].upper() + words[1:]


def percent(part: int, total: int) -> str:
    """A share that never rounds up to all, nor down to nothing."""
    if not total:
        return "0 %"
    share = 100 * part / total
    if part and share < 1:
        return "< 1 %"
    return f"{min(int(share), 99) if part < total else 100} %"


def time_tag(value: datetime | None) -> Markup:
    """A time in UTC that the page turns into the reader's own, with UTC on hover."""
    if value is None:
        return Markup('<span class="quiet">never</span>')
    utc = value.astimezone(UTC)
    seconds = f"{utc:%Y-%m-%d %H:%M:%S}"
    return Markup(f'<time datetime="{rfc3339(utc)}" title="{seconds} UTC">{seconds[:-3]} UTC</time>')  # noqa: S704 - digits alone


def city(zone: str) -> str:
    """The last part of a zone's name: "New York"."""
    return zone.rpartition("/")[2].replace("_", " ")


def bar(tally: Tally, *, least: float = 0.6) -> list[tuple[str, float, float]]:
    """The parts of a progress bar as (status, where it begins, how wide it is), of a width of 100.

    A part that is not zero has the width `least` or more, so that one failed device of 100,000 is seen.
    """
    counts = [(status, getattr(tally, status)) for status in PARTS if getattr(tally, status)]
    widths = [max(least, 100 * count / tally.total) for _, count in counts]
    scale = 100 / sum(widths) if widths else 1.0
    parts: list[tuple[str, float, float]] = []
    begins = 0.0
    for (status, _), width in zip(counts, widths, strict=True):
        parts.append((status, round(begins, 3), round(width * scale, 3)))
        begins += width * scale
    return parts


def headline(tally: Tally) -> str:
    """How many devices were called; of a cancelled job the others never will be."""
    words = f"{number(tally.called)} of {plural(tally.total, 'device')}"
    return f"{words} called" if tally.cancelled else words


def standing(status: JobStatus, tally: Tally) -> tuple[str, str]:
    """The kind of a job's badge, which gives shape and colour, and its words."""
    if status is JobStatus.FINISHED and (tally.failed or tally.uncertain):
        if not tally.accepted:
            return (
                "failed",
                "All failed" if tally.failed == tally.total else f"Finished, none of {number(tally.total)} accepted",
            )
        return "failures", f"Finished, {_unwell(tally)}"
    if status is JobStatus.STOPPED and tally.failed:
        return "stopped", f"Stopped, {number(tally.failed)} failed"
    return status.value, status.value.capitalize()


def _unwell(tally: Tally) -> str:
    return f"{number(tally.failed)} failed" if tally.failed else f"{number(tally.uncertain)} uncertain"


def sign_of(kind: str) -> str:
    """The icon of a status, so that no status is told by its colour alone."""
    return _SIGNS.get(kind, "circle-dashed")


_SIGNS = {
    **dict.fromkeys(
        ("finished", "accepted", "valid", "good", "well", "open", "active", "started", "sent"), "circle-check"
    ),
    **dict.fromkeys(("failures", "uncertain", "duplicate", "expired", "set aside", "skipped"), "circle-alert"),
    **dict.fromkeys(("failed", "rejected", "revoked", "ill", "closed"), "circle-x"),
    **dict.fromkeys(("running", "sending", "starting"), "loader-circle"),
    **dict.fromkeys(("paused", "pausing"), "circle-pause"),
    **dict.fromkeys(("cancelled", "cancelling", "ended"), "ban"),
    "stopped": "octagon-x",
    "missed": "clock-alert",
    "marked": "triangle-alert",
    "planned": "clock",
    "blackout": "flag",
}


def left(finish_at: datetime | None, now: datetime) -> str | None:
    """How long it will still take."""
    return None if finish_at is None else span((finish_at - now).total_seconds())


def per_second(value: float | None) -> str:
    """Formats calls a second; a dash for None."""
    return "no limit" if value is None else f"{value:.1f} a second"
