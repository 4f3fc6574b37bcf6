"""Zones by the names of IANA and of Windows."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import UnknownZone
from orchestrator.domain.zones import zone_of


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe STANDARD time", "Europe/Berlin"),
        (" Central European Standard Time ", "Europe/Warsaw"),
        ("Eastern Standard Time", "America/New_York"),
        ("AUS Eastern Standard Time", "Australia/Sydney"),
        ("Nepal Standard Time", "Asia/Kathmandu"),
        ("europe/berlin", "Europe/Berlin"),
        ('"Europe/Berlin"', "Europe/Berlin"),
        # A name of both: IANA's meaning counts.
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_found_by_the_name_that_windows_gives_it(name: str, zone: str) -> None:
    assert zone_of(name).key in {zone, zone.replace("Kathmandu", "Katmandu")}


@pytest.mark.parametrize(
    "name",
    ["", " ", "W. Europe", "W. Europe Daylight Time", "Mars Standard Time", "../etc/passwd", "/etc/localtime", "\0"],
)
def test_a_name_that_nobody_gave_a_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_of(name)
