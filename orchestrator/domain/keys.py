"""API keys: when they are valid, when a new one expires, and what a caller created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from orchestrator.domain.access import Grant
from orchestrator.domain.errors import NotPermitted, RequestRejected, ScheduleInvalid
from orchestrator.domain.spans import parse_span


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret.

    `creator` is the caller who made it, `replaced_by` the key that took its place when it was rotated, and
    `end_by_upgrade` says that no admin chose its end: the upgrade to the release in which keys expire did.
    """

    id: str
    name: str
    grant: Grant
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    creator: str | None = None
    last_used_from: str | None = None
    replaced_by: str | None = None
    end_by_upgrade: bool = False

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and now < self.expires_at

    def status(self, now: datetime) -> str:
        """valid, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.is_valid(now) else "expired"


@dataclass(frozen=True, slots=True)
class Creations:
    """Things in force that a caller created: ids of valid keys, names of schedules, ids of unfinished jobs."""

    keys: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.schedules or self.jobs)


KEY_LIFETIME = timedelta(days=90)
"""How long a key opens something where no other time is named."""


def end_of_key(
    wanted: timedelta | None, *, longest: timedelta, creator_ends: datetime | None, now: datetime
) -> datetime:
    """When a new key expires: after `wanted`, by default after 90 days, and never after the key that creates it.

    RequestRejected where `wanted` is no time at all or longer than the installation allows, NotPermitted where the key
    would outlive the one that creates it.
    """
    if wanted is None:
        end = now + min(KEY_LIFETIME, longest)
        return end if creator_ends is None else min(end, creator_ends)
    if wanted < _SHORTEST_KEY:
        raise RequestRejected("A key lives for a second at least. Give a later end.")
    if wanted > longest:
        raise RequestRejected(
            f"A key lives for {longest.days:,} days at most (MUSTER_KEY_MAX_DAYS), and this would be "
            f"{wanted / timedelta(days=1):,.0f}. Give an earlier end, and rotate the key before it."
        )
    if creator_ends is not None and now + wanted > creator_ends:
        raise NotPermitted(
            f"A key makes no key that outlives it: yours expires on {creator_ends:%Y-%m-%d}. Give an earlier end, or "
            "let a person make the key."
        )
    return now + wanted


def parse_lifetime(text: str, now: datetime) -> timedelta:
    """The lifetime that "90d", "12h", "90" (days) or "2026-12-31" (the end of that day, UTC) names from now on."""
    words = text.strip()
    if words.isascii() and words.isdigit() and len(words) <= _MOST_DIGITS:
        return timedelta(days=int(words))
    try:
        return datetime.combine(date.fromisoformat(words), datetime.min.time(), UTC) + timedelta(days=1) - now
    except (ValueError, OverflowError):
        pass
    try:
        return parse_span(words)
    except ScheduleInvalid:
        raise RequestRejected(
            f"{text!r} is no lifetime of a key; it takes days (90 or 90d), a span such as 12h, or a date such as "
            "2026-12-31."
        ) from None


_SHORTEST_KEY = timedelta(seconds=1)
_MOST_DIGITS = 6
