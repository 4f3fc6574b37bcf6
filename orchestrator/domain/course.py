"""The course of a job: its events with their times, and the spans without calls; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events in the course of a job."""

    PAUSED = "paused"
    BRAKED = "braked"
    CANARIES = "canaries"
    STOPPED = "stopped"
    RESUMED = "resumed"
    OUTAGE = "outage"
    OUTAGE_OVER = "outage over"
    UNREACHABLE = "unreachable"
    REACHABLE = "reachable"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a job made no calls, or asked one device at a time; `ends_at` is None while it lasts."""

    kind: EventKind
    begins_at: datetime
    ends_at: datetime | None


def spans(events: Iterable[tuple[datetime, EventKind]]) -> list[Span]:
    """The spans that these events, in order, begin and end; an end of the job ends them all."""
    found: list[Span] = []
    open_spans: dict[EventKind, datetime] = {}

    def close(kinds: Iterable[EventKind], at: datetime) -> None:
        for kind in kinds:
            if kind in open_spans:
                found.append(Span(kind, open_spans.pop(kind), at))

    for at, kind in events:
        match kind:
            case EventKind.PAUSED | EventKind.BRAKED | EventKind.STOPPED:
                close(list(open_spans), at)
                open_spans[kind] = at
            case EventKind.OUTAGE | EventKind.UNREACHABLE:
                open_spans.setdefault(kind, at)
            case EventKind.OUTAGE_OVER:
                close([EventKind.OUTAGE], at)
            case EventKind.REACHABLE:
                close([EventKind.UNREACHABLE], at)
            case EventKind.RESUMED | EventKind.ENDED:
                close(list(open_spans), at)
    found += [Span(kind, at, None) for kind, at in open_spans.items()]
    return sorted(found, key=lambda span: span.begins_at)
