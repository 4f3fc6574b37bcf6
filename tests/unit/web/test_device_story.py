from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.zones import zone_of
from orchestrator.store.jobs.target_lookup import DeviceCall
from orchestrator.web.device_story import DAYS, last_days, sentence

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def a_call(status: str, hours_ago: float) -> DeviceCall:
    at = NOW - timedelta(hours=hours_ago)
    return DeviceCall("job", None, None, "quickScan", "default", "admin", status, at, 1, 204, None, None, None)


def test_the_story_of_a_device_begins_with_how_the_last_action_went() -> None:
    assert sentence([]) == ("Nothing was asked of this device yet.", "")
    assert sentence([a_call("failed", 1), a_call("accepted", 2)]) == (
        "The last action, quick scan, failed.",
        "The one before it was accepted.",
    )
    calls = [*(a_call("failed", hours) for hours in (1, 2, 3)), a_call("accepted", 4)]
    assert sentence(calls)[1] == "So did the 2 before it."


def test_each_day_shows_its_worst_outcome_by_the_readers_clock() -> None:
    calls = [a_call("accepted", 1), a_call("uncertain", 2), a_call("failed", 13), a_call("accepted", 24 * 200)]

    cells = last_days(calls, NOW, zone_of("Europe/Berlin"))

    assert len(cells) == DAYS
    assert [cell.outcome for cell in cells[-3:]] == ["", "", "failed"]
    assert cells[-1].words == "1 Dec: 3 actions, worst: failed"
