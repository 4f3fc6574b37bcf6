"""What is told to people when a job has ended or a run was missed: what an admin wants on the phone; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from orchestrator.domain.attention import AttentionItem, AttentionKind
from orchestrator.domain.batch import ErrorCount, ErrorGroup
from orchestrator.domain.job import Job, JobStatus, Tally
from orchestrator.domain.plain_text import shown
from orchestrator.domain.target import TargetFacts

LARGEST_GROUPS = 3
"""Error groups that a notice names; all of them are in the report."""

MOST_DEVICES = 5
"""Devices that a notice names of those that failed or are uncertain."""


class Event(StrEnum):
    """The events that a notice can be about."""

    FINISHED = "finished"
    FAILURES = "failures"
    STOPPED = "stopped"
    MISSED = "missed"
    SET_ASIDE = "set-aside"
    EMERGENCY_STOP = "emergency-stop"
    NO_WORKER = "no-worker"
    CREDENTIAL = "credential"
    INVENTORY = "inventory"
    TEST = "test"


class NoticeStatus(StrEnum):
    """Where a notice stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class ChannelKind(StrEnum):
    """The ways to reach people."""

    WEBHOOK = "webhook"
    TEAMS = "teams"
    SLACK = "slack"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach somebody; a general one hears of every job, any other of the schedules that name it."""

    name: str
    kind: ChannelKind
    events: frozenset[Event]
    is_general: bool = True

    def hears(self, event: Event, named: Sequence[str]) -> bool:
        """Whether this event goes there; `named` are the channels of its schedule."""
        return event in self.events and (self.is_general or self.name in named)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell; the same `key` is the same thing, however often it is told. `facts` are for programs."""

    key: str
    event: Event
    subject: str
    title: str
    lines: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def text(self) -> str:
        """The whole of it as plain text."""
        return "\n".join([self.title, *self.lines])


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side took it."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The notice did not arrive; `may_work_later` says whether trying again makes sense, `wait` for how long not to."""

    reason: str
    may_work_later: bool = True
    wait: float | None = None


Delivery = Delivered | Undelivered


def notice_of_job(
    job: Job,
    tally: Tally,
    errors: Mapping[ErrorGroup, ErrorCount],
    *,
    key: str,
    link: str | None,
    devices: Sequence[TargetFacts] = (),
) -> Notice:
    """How a job ended: how many, how many not, the largest error groups, some devices of them, and where to look."""
    event = event_of_job(job.status, tally)
    name = job.schedule or job.name or job.id
    title = f"{name}: {_ENDS[event]} ({job.action}, {tally.total:,} {_devices(tally.total)})"
    lines = [_counts(tally)]
    if job.reason:
        lines.append(job.reason)
    largest = sorted(errors.items(), key=lambda item: -item[1].count)[:LARGEST_GROUPS]
    lines += [f"{count.count:,} {group.status}: {_error(group)}" for group, count in largest]
    if devices:
        more = " …" if tally.failed + tally.uncertain > len(devices) else ""
        lines.append(f"Devices: {', '.join(shown(device.name or device.device) for device in devices)}{more}")
    lines.append(link or f"muster job show {job.id}")
    return Notice(
        key=key,
        event=event,
        subject=job.id,
        title=title,
        lines=tuple(lines),
        facts={
            "job": job.id,
            "schedule": job.schedule,
            "action": job.action.value,
            "tenant": job.tenant,
            "status": job.status.value,
            "reason": job.reason,
            "counts": {"total": tally.total, **asdict(tally)},
            "errors": [
                {"httpStatus": group.http_status, "code": group.code, "count": count.count} for group, count in largest
            ],
            "devices": [
                {"id": device.device, "name": device.name, "status": device.status.value, "code": device.error_code}
                for device in devices
            ],
            "link": link,
        },
    )


def event_of_job(status: JobStatus, tally: Tally) -> Event:
    """Returns the event that the end of a job is."""
    if status is JobStatus.STOPPED:
        return Event.STOPPED
    return Event.FAILURES if tally.failed or tally.uncertain else Event.FINISHED


def notice_of_schedule(schedule: str, event: Event, words: str, *, key: str, facts: Mapping[str, Any]) -> Notice:
    """A run that was missed, or a schedule that was set aside."""
    title = f"{schedule}: {'a run did not start' if event is Event.MISSED else 'set aside, and runs no more'}"
    lines = (words, f"muster schedule history {schedule}")
    return Notice(key, event, schedule, title, lines, {"schedule": schedule, "reason": words, **facts})


def notice_of_inventory(tenant: str, what: str, words: str, *, key: str) -> Notice:
    """An inventory that somebody has to look at, told to whoever hears of runs that did not start."""
    title = f"Inventory of {tenant}: {what}"
    lines = (words, f"muster inventory show --tenant {tenant}")
    return Notice(key, Event.MISSED, tenant, title, lines, {"tenant": tenant, "reason": words})


EVENT_OF_ATTENTION = {
    AttentionKind.EMERGENCY_STOP: Event.EMERGENCY_STOP,
    AttentionKind.NO_WORKER: Event.NO_WORKER,
    AttentionKind.CREDENTIAL_ENDS: Event.CREDENTIAL,
    AttentionKind.INVENTORY_STALE: Event.INVENTORY,
}
"""Kinds of items that are told as items; of the others the ends of jobs and the runs of schedules are told."""


def notice_of_attention(item: AttentionItem, *, link: str | None) -> Notice:
    """One item that needs attention; its key changes when it begins anew."""
    event = EVENT_OF_ATTENTION[item.kind]
    # The name of a tenant has any length, and a key has not.
    subject = hashlib.sha256(item.subject.encode()).hexdigest()[:16]
    facts = {"item": item.id, "kind": item.kind, "severity": item.severity, "tenant": item.tenant, "link": link}
    return Notice(
        key=f"attention/{item.kind}/{subject}/{item.since.timestamp():.0f}",
        event=event,
        subject=item.subject,
        title=f"Needs attention: {_ATTENTION[event]}{'' if item.tenant is None else f' ({shown(item.tenant)})'}",
        lines=(item.sentence, link or item.remedy.command),
        facts=facts,
    )


def notice_of_test(key: str, who: str) -> Notice:
    """Returns the notice of `muster notify test`."""
    return Notice(key, Event.TEST, "test", "Muster: a test", (f"{who} asked whether this arrives. It does.",), {})


def retry_wait(attempts: int, asked: float | None) -> float | None:
    """Seconds to the next attempt after so many; None once it is given up."""
    if attempts >= len(_WAITS) + 1:
        return None
    return max(_WAITS[attempts - 1], min(asked or 0.0, _LONGEST_ASKED))


def _counts(tally: Tally) -> str:
    parts = [f"{tally.accepted:,} accepted"]
    parts += [
        f"{getattr(tally, name):,} {words}"
        for name, words in (
            ("failed", "failed"),
            ("uncertain", "uncertain"),
            ("cancelled", "cancelled"),
            ("waiting", "not called"),
            ("sending", "on the way"),
        )
        if getattr(tally, name)
    ]
    return ", ".join(parts)


def _error(group: ErrorGroup) -> str:
    return f"{group.http_status} {group.code}" if group.http_status is not None else group.code


def _devices(count: int) -> str:
    return "device" if count == 1 else "devices"


_ENDS = {
    Event.FINISHED: "finished",
    Event.FAILURES: "finished with failures",
    Event.STOPPED: "stopped before its end",
}
_ATTENTION = {
    Event.EMERGENCY_STOP: "an emergency stop is in force",
    Event.NO_WORKER: "no process works",
    Event.CREDENTIAL: "a credential ends soon",
    Event.INVENTORY: "an inventory is too old",
}
_WAITS = (10.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
"""Seconds before the second attempt, the third …; after a day it is given up, and shown."""

_LONGEST_ASKED = 3600.0
