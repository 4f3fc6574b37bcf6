"""Notices to people, and the channels that carry them; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from orchestrator.domain.notice_kinds import ChannelKind, Event


class NoticeStatus(StrEnum):
    """Where a notice stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to notify people; a general one gets every job, any other of the schedules that name it."""

    name: str
    kind: ChannelKind
    events: frozenset[Event]
    is_general: bool = True

    def accepts(self, event: Event, named: Sequence[str]) -> bool:
        """Whether this event goes there; `named` are the channels of its schedule."""
        return event in self.events and (self.is_general or self.name in named)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice; two with the same `key` are the same one, which is sent once. `facts` are for programs."""

    key: str
    event: Event
    subject: str
    title: str
    lines: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def text(self) -> str:
        """Returns the whole notice as plain text."""
        return "\n".join([self.title, *self.lines])


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took the notice."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The notice did not arrive; `may_work_later` says whether trying again makes sense, `wait` for how long not to."""

    reason: str
    may_work_later: bool = True
    wait: float | None = None


Delivery = Delivered | Undelivered


def retry_wait(attempts: int, asked: float | None) -> float | None:
    """Seconds to the next attempt after so many; None once it is given up."""
    if attempts >= len(_WAITS) + 1:
        return None
    return max(_WAITS[attempts - 1], min(asked or 0.0, _LONGEST_ASKED))


_WAITS = (10.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
"""Seconds before the second attempt, the third …; after a day it is given up, and shown."""

_LONGEST_ASKED = 3600.0
