"""What the benchmarks work out of what they saw."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import picture
from benchmarks.figures import Figure, Section, table
from benchmarks.large import rate_between

STEADY = [(float(second), 100 * second) for second in range(101)]


@pytest.mark.parametrize(("start", "end"), [(0, 1_000), (9_000, 10_000), (4_510, 4_990)])
def test_a_steady_job_has_one_rate(start: int, end: int) -> None:
    rate = rate_between(STEADY, start, end)

    assert rate == pytest.approx(100)


def test_one_slow_slice_is_not_the_rate_and_a_slow_tenth_is() -> None:
    paused = [(second + (30 if count > 300 else 0), count) for second, count in STEADY]
    slower = [(second * (2 if count > 9_000 else 1) - (90 if count > 9_000 else 0), count) for second, count in STEADY]

    assert rate_between(paused, 0, 1_000) == pytest.approx(100)
    assert rate_between(slower, 9_000, 10_000) == pytest.approx(50)


def test_the_picture_has_a_bar_for_every_speed(tmp_path: Path) -> None:
    speeds = (Figure("bare <loop>", 200.0, "devices/s"), Figure("ours", 100.0, "devices/s", "bare <loop>"))
    section = Section("Free", "here", (*speeds, Figure("something else", 1.0, "s")))
    (tmp_path / "free.json").write_text(json.dumps(section.as_json()), encoding="utf-8")

    drawn = ET.fromstring(picture.of(tmp_path))  # noqa: S314 - our own

    bars = [each.get("width") for each in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == ["400.0", "200.0"]
    assert "(ratio 0.50)" in "".join(drawn.itertext())


def test_one_table_holds_every_section_with_its_conditions() -> None:
    fast = Section("Fast", "quiet", (Figure("bare", 2000.0, "devices/s"), Figure("ours", 1500.0, "devices/s", "bare")))
    other = Section("Other", "alone", (Figure("memory", 0.5, "MiB"),))

    lines = table([fast, other]).splitlines()

    assert [line.split() for line in lines if line.startswith("  ")] == [
        ["bare", "2,000", "devices/s"],
        ["ours", "1,500", "devices/s", "0.75", "bare"],
        ["memory", "0.5", "MiB"],
    ]
    assert lines[-2:] == ["Fast: quiet", "Other: alone"]
