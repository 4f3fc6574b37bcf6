"""Check whether keys expire soon, or have an end that the upgrade gave them."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.keys import ApiKey
from orchestrator.usecases.operations.check_health import Check

SOON = timedelta(days=14)


async def check_keys(app: App) -> list[Check]:
    """One check where there are valid keys; none of it keeps jobs from running."""
    async with app.store.reading() as tx:
        keys, now = await tx.keys.all(), await tx.now()
    found = judge_keys(keys, now)
    return [] if found is None else [found]


def judge_keys(keys: list[ApiKey], now: datetime) -> Check | None:
    """The check of these keys at that moment; None where no key is valid."""
    valid = [key for key in keys if key.is_valid(now)]
    if not valid:
        return None
    # A key that was rotated may expire: another took its place.
    ends = [key for key in valid if key.replaced_by is None and (key.end_by_upgrade or key.expires_at - now <= SOON)]
    if not ends:
        return Check(
            "keys", ok=True, detail=f"{len(valid)} valid, none expires within {SOON.days} days", is_needed=False
        )
    ends.sort(key=lambda key: (key.expires_at, key.id))
    named = "; ".join(f"{key.name} ({key.id}) on {key.expires_at:%Y-%m-%d}{_why(key)}" for key in ends)
    mend = "`muster key rotate ID` makes a key that takes its place, and keeps the old one valid for a week."
    return Check("keys", ok=False, detail=f"expire: {named}", mend=mend, is_needed=False)


def _why(key: ApiKey) -> str:
    return " (the upgrade gave it this end, 90 days later)" if key.end_by_upgrade else ""
