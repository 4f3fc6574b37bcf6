from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.keys import ApiKey
from orchestrator.usecases.access.check_keys import judge_keys

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = ApiKey("abc", "portal", Grant(Role.VIEWER), "somebody", NOW, NOW + 90 * DAY)


def test_keys_that_expire_soon_and_those_that_the_upgrade_gave_an_end_are_named() -> None:
    soon = replace(KEY, id="soon", expires_at=NOW + 3 * DAY)
    upgraded = replace(KEY, id="old", end_by_upgrade=True)

    found = judge_keys([upgraded, KEY, soon], NOW)

    assert found is not None
    assert (found.ok, found.is_needed) == (False, False)
    assert found.detail == (
        "expire: portal (soon) on 2026-03-05; portal (old) on 2026-05-31 (the upgrade gave it this end, 90 days later)"
    )


def test_keys_with_time_left_rotated_ones_and_no_keys_at_all_worry_nobody() -> None:
    rotated = replace(KEY, expires_at=NOW + DAY, replaced_by="heir")
    expired = replace(KEY, expires_at=NOW)

    well = judge_keys([KEY, rotated, expired], NOW)

    assert well is not None
    assert (well.ok, well.detail) == (True, "2 valid, none expires within 14 days")
    assert judge_keys([expired], NOW) is None
