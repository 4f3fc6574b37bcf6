"""The filter of the list of jobs as its address names it: statuses, action, tenant, person, schedule, dates, text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from orchestrator.domain.action import parse_action
from orchestrator.domain.job import JobStatus
from orchestrator.domain.job_filter import WITH_FAILURES, JobFilter, Standing
from orchestrator.domain.zones import instant_at
from orchestrator.http.web_context import TheApp
from orchestrator.web.display import display_of

FIELDS = ("status", "action", "tenant", "who", "schedule", "search", "when", "from", "to")
"""The names of the filter's fields in an address, in the order of their chips."""

PERIODS = {"today": "Today", "night": "Last night", "week": "Last 7 days"}
"""Times that move with the clock: the days of the reader, and the night from noon to noon (domain/nights.py)."""

_NIGHT = "night-"
_NOON = time(12)
_SHOWN_STATUSES = frozenset({*JobStatus} - {JobStatus.RECEIVING})


@dataclass(frozen=True, slots=True)
class JobsAsked:
    """A filter, and the fields that name it in an address; a field that makes no sense is empty."""

    wanted: JobFilter
    fields: Mapping[str, str]


def asked_jobs(fields: Mapping[str, str], now: datetime, zone: ZoneInfo) -> JobsAsked:
    """The filter that the fields name; `status` may name several; dates are days of `zone`."""
    text = {name: fields.get(name, "").replace("\x00", "").strip() for name in FIELDS}
    statuses = tuple(_standings(text["status"]))
    action = parse_action(text["action"])
    first, last = _day(text["from"]), _day(text["to"])
    when = text["when"] if (text["when"] in PERIODS or night_of(text["when"])) and not (first or last) else ""
    since, until = _period(when, now, zone) if when else (_begin(first, zone), _begin(_next(last), zone))
    kept = {
        **text,
        "status": ",".join(map(str, statuses)),
        "action": action.value if action else "",
        "when": when,
        "from": first.isoformat() if first else "",
        "to": last.isoformat() if last else "",
    }
    wanted = JobFilter(
        statuses,
        action,
        (text["tenant"],) if text["tenant"] else (),
        text["who"] or None,
        text["schedule"] or None,
        text["search"] or None,
        since,
        until,
    )
    return JobsAsked(wanted, kept)


def night_of(when: str) -> date | None:
    """The morning on which the night that `when` names ends, as the bars of the overview name it."""
    return _day(when.removeprefix(_NIGHT)) if when.startswith(_NIGHT) else None


def _period(when: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
    today = now.astimezone(zone).date()
    morning = today if when == "night" else night_of(when)
    if morning is not None:
        noons = (datetime.combine(morning - timedelta(days=back), _NOON) for back in (1, 0))
        since, until = (instant_at(noon, zone) for noon in noons)
        return since, until
    days_back = 6 if when == "week" else 0
    return instant_at(datetime.combine(today - timedelta(days=days_back), time()), zone), None


def _begin(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else instant_at(datetime.combine(day, time()), zone)


def _next(day: date | None) -> date | None:
    return None if day is None else day + timedelta(days=1)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Calendars of other centuries end in errors of their own.
    return day if _FIRST_YEAR <= day.year < _LAST_YEAR else None


def _standings(text: str) -> Iterator[Standing]:
    for word in text.split(","):
        if word == WITH_FAILURES:
            yield WITH_FAILURES
        elif word in _SHOWN_STATUSES:
            yield JobStatus(word)


def _asked(
    *,
    request: Request,
    app: TheApp,
    status: Annotated[str, Query(max_length=200)] = "",
    action: Annotated[str, Query(max_length=200)] = "",
    tenant: Annotated[str, Query(max_length=200)] = "",
    who: Annotated[str, Query(max_length=200)] = "",
    schedule: Annotated[str, Query(max_length=200)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    when: Annotated[str, Query(max_length=20)] = "",
    first: Annotated[str, Query(alias="from", max_length=20)] = "",
    last: Annotated[str, Query(alias="to", max_length=20)] = "",
) -> JobsAsked:
    given = (status, action, tenant, who, schedule, search, when, first, last)
    return asked_jobs(dict(zip(FIELDS, given, strict=True)), app.clock.now(), display_of(request).clock)


Asked = Annotated[JobsAsked, Depends(_asked)]
_FIRST_YEAR, _LAST_YEAR = 1971, 9000
