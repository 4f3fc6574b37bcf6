"""The filter of the list of jobs in an address, and the views that a reader keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.domain.errors import RequestRejected
from orchestrator.web.job_filters import FIELDS, asked_jobs
from orchestrator.web.saved_views import MOST, SavedView, packed, unpacked, with_view

NOW = datetime(2026, 11, 28, 13, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "since", "until"),
    [
        ({}, None, None),
        ({"when": "today"}, "2026-11-27T23:00", None),
        ({"when": "night"}, "2026-11-27T11:00", "2026-11-28T11:00"),
        ({"when": "night-2026-11-25"}, "2026-11-24T11:00", "2026-11-25T11:00"),
        ({"when": "night-nonsense"}, None, None),
        ({"when": "week"}, "2026-11-21T23:00", None),
        ({"from": "2026-11-03"}, "2026-11-02T23:00", None),
        ({"to": "2026-11-03"}, None, "2026-11-03T23:00"),
        ({"when": "today", "from": "2026-11-03"}, "2026-11-02T23:00", None),
        ({"when": "nonsense", "from": "03.11.", "to": "0001-01-01"}, None, None),
    ],
)
def test_dates_are_days_of_the_reader(fields: dict[str, str], since: str | None, until: str | None) -> None:
    asked = asked_jobs(fields, NOW, BERLIN)

    found = [
        None if each is None else f"{each.astimezone(UTC):%Y-%m-%dT%H:%M}"
        for each in (asked.wanted.since, asked.wanted.until)
    ]
    assert found == [since, until]


def test_the_fields_name_the_same_filter_again_and_what_makes_no_sense_is_empty() -> None:
    given = {"status": "stopped,paused,x", "action": "QUICKSCAN", "who": " me ", "search": "a\x00b", "when": "week"}

    asked = asked_jobs(given, NOW, BERLIN)

    assert asked.fields["status"] == "stopped,paused"
    assert asked.fields["action"] == "quickScan"
    assert asked_jobs(asked.fields, NOW, BERLIN) == asked
    assert {*asked.fields} == {*FIELDS}


def test_views_are_kept_under_their_names_and_read_back() -> None:
    views = with_view([], SavedView("Nights <b>", {"when": "night", "search": "", "nonsense": "x"}))
    views = with_view(views, SavedView("Nights <b>", {"when": "week"}))

    assert unpacked(packed(views)) == [SavedView("Nights <b>", {"when": "week"})]
    assert views[0].where == "/jobs?when=week"


@pytest.mark.parametrize("text", ["", "x", "AAAA", packed([])[:3], "e30=", "W1sxLDJdXQ=="])
def test_a_cookie_that_is_none_of_ours_holds_no_view(text: str) -> None:
    assert unpacked(text) == []


def test_a_view_needs_a_name_a_filter_and_room() -> None:
    full = [SavedView(f"view {place}", {"when": "week"}) for place in range(MOST)]

    for views, view in (
        ([], SavedView(" ", {"when": "week"})),
        ([], SavedView("all", {"search": ""})),
        (full, SavedView("one more", {"when": "week"})),
    ):
        with pytest.raises(RequestRejected):
            with_view(views, view)
