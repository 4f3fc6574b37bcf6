from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.domain.blackout import blackout_at
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.intake.calendar_file import read_calendar

NOW = datetime(2026, 12, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def a_calendar(*events: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//"]
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            "UID:" + str(len(lines)),
            "DTSTAMP:20260101T000000Z",
            *event.split("\n"),
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def test_an_event_of_days_is_dark_from_local_midnight_to_local_midnight() -> None:
    content = a_calendar("SUMMARY:Christmas\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227")

    (christmas,) = read_calendar(content, now=NOW, name="x.ics")

    assert christmas.words == "Christmas"
    assert christmas.span(BERLIN) == (datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2026, 12, 26, 23, tzinfo=UTC))


def test_an_event_with_a_zone_is_the_same_moment_everywhere() -> None:
    content = a_calendar(
        "SUMMARY:Release\nDTSTART;TZID=America/New_York:20261210T180000\nDTEND;TZID=America/New_York:20261210T200000"
    )

    (release,) = read_calendar(content, now=NOW, name="x.ics")

    assert release.span(BERLIN) == (datetime(2026, 12, 10, 23, tzinfo=UTC), datetime(2026, 12, 11, 1, tzinfo=UTC))


def test_an_event_that_repeats_is_spelled_out_with_its_exceptions() -> None:
    content = a_calendar(
        "SUMMARY:Patch Tuesday\nDTSTART;VALUE=DATE:20260113\nRRULE:FREQ=MONTHLY;BYDAY=2TU\nEXDATE;VALUE=DATE:20270112"
    )

    found = read_calendar(content, now=NOW, name="x.ics")

    days = [each.starts.date().isoformat() for each in found]
    assert days[:3] == ["2026-12-08", "2027-02-09", "2027-03-09"]
    assert len(days) == 59


def test_free_and_cancelled_events_keep_nothing_dark() -> None:
    content = a_calendar(
        "SUMMARY:Free\nTRANSP:TRANSPARENT\nDTSTART;VALUE=DATE:20261224",
        "SUMMARY:Off\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20261225",
        "SUMMARY:Dark\nDTSTART;VALUE=DATE:20261226",
    )

    found = read_calendar(content, now=NOW, name="x.ics")

    assert [each.words for each in found] == ["Dark"]
    assert blackout_at(datetime(2026, 12, 26, 12, tzinfo=UTC), found, BERLIN) == found[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"managedDeviceId\n",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n",
        a_calendar("SUMMARY:Past\nDTSTART;VALUE=DATE:20200101"),
        a_calendar("SUMMARY:Wrong\nDTSTART:tomorrow"),
    ],
)
def test_what_is_no_calendar_or_keeps_nothing_dark_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(ScheduleInvalid, match=r"x\.ics"):
        read_calendar(content, now=NOW, name="x.ics")


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=SECONDLY;COUNT=100000000",
        "FREQ=SECONDLY;COUNT=1;BYMONTH=2",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=" + ",".join(map(str, range(60))),
        "freq=minutely;until=20310101T000000Z",
        "FREQ=MINUTELY;\n INTERVAL=2",
    ],
)
@pytest.mark.parametrize("name", ["RRULE", 'RRULE;X="a:b;c"', "RRULE;X=a\\:b", "RRULE\x0b"])
def test_an_event_that_repeats_without_bounds_is_refused_before_it_is_expanded(rule: str, name: str) -> None:
    content = a_calendar(f"SUMMARY:Beat\nDTSTART:20261201T000000Z\n{name}:{rule}")

    with pytest.raises(ScheduleInvalid, match=r"x\.ics has events that repeat"):
        read_calendar(content, now=NOW, name="x.ics")


@pytest.mark.parametrize(
    "properties",
    [
        f"RDATE:{','.join(['20270101T000000Z'] * 30_000)}",
        f"RRULE:FREQ=DAILY\nEXDATE:{','.join(['20270101T000000Z'] * 30_000)}",
        "RRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS=300\n" * 40,
        "BEGIN:VALARM\nTRIGGER:-PT1S\nACTION:DISPLAY\nEND:VALARM\n" * 25_000,
    ],
    ids=["dates", "exceptions", "searches", "parts"],
)
def test_what_takes_as_long_as_many_repetitions_counts_as_many(properties: str) -> None:
    content = a_calendar(f"SUMMARY:Beat\nDTSTART:20261201T000000Z\n{properties}")

    with pytest.raises(ScheduleInvalid, match=r"x\.ics has events that repeat"):
        read_calendar(content, now=NOW, name="x.ics")


def test_the_rules_of_a_time_zone_are_bounded_as_well() -> None:
    zone = (
        b"BEGIN:VTIMEZONE\r\nTZID:Own\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nRRULE:FREQ=MINUTELY\r\n"
        b"TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT"
    )
    content = a_calendar("SUMMARY:Dark\nDTSTART;VALUE=DATE:20261226").replace(b"BEGIN:VEVENT", zone)

    with pytest.raises(ScheduleInvalid, match=r"x\.ics has events that repeat"):
        read_calendar(content, now=NOW, name="x.ics")


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY;COUNT=3", "FREQ=DAILY;COUNT=1000000000", "FREQ=DAILY;BYDAY=MO,TU"])
def test_an_event_that_repeats_within_bounds_is_taken(rule: str) -> None:
    content = a_calendar("SUMMARY:Beat\nDTSTART:20261201T000000Z\nDTEND:20261201T010000Z\nRRULE:" + rule)

    assert len(read_calendar(content, now=NOW, name="x.ics")) >= 3


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTHDAY=-31;BYMONTH=4,6,9",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=3",
        "FREQ=SECONDLY;INTERVAL=86400;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=+0",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYWEEKNO=54",
        "FREQ=YEARLY;BYYEARDAY=367",
        "FREQ=YEARLY;BYDAY=60MO",
    ],
)
def test_a_rule_that_is_searched_for_ever_is_refused_before_it_is_expanded(rule: str) -> None:
    content = a_calendar(f"DTSTART:20261201T000000Z\nDTEND:20261201T010000Z\nRRULE:{rule}")

    with pytest.raises(ScheduleInvalid, match="repeats by"):
        read_calendar(content, now=NOW, name="x.ics")


def test_the_last_day_of_each_month_is_no_such_rule() -> None:
    content = a_calendar("DTSTART:20261201T000000Z\nDTEND:20261201T010000Z\nRRULE:FREQ=MONTHLY;BYMONTHDAY=31,-1")

    assert len(read_calendar(content, now=NOW, name="x.ics")) > 12
