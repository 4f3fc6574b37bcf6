"""The texts of notices: a job has ended, a run was missed, or something needs attention; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.domain.attention import AttentionItem, AttentionKind
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Job, JobStatus, Tally
from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_kinds import Event
from orchestrator.domain.plain_text import shown
from orchestrator.domain.target import TargetFacts

LARGEST_GROUPS = 3
"""Error groups that a notice names; all of them are in the report."""

MOST_DEVICES = 5
"""Devices that a notice names of those that failed or are uncertain."""


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
    """A notice about an inventory that needs a person, for the channels that get notices of runs that did not start."""
    title = f"Inventory of {tenant}: {what}"
    lines = (words, f"muster inventory show --tenant {tenant}")
    return Notice(key, Event.MISSED, tenant, title, lines, {"tenant": tenant, "reason": words})


EVENT_OF_ATTENTION = {
    AttentionKind.EMERGENCY_STOP: Event.EMERGENCY_STOP,
    AttentionKind.NO_WORKER: Event.NO_WORKER,
    AttentionKind.SCHEDULE_LACKS_LIST: Event.SET_ASIDE,
    AttentionKind.CREDENTIAL_ENDS: Event.CREDENTIAL,
    AttentionKind.INVENTORY_STALE: Event.INVENTORY,
}
"""Kinds of items with a notice of their own; the others have notices about ends of jobs and runs of schedules."""


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
    Event.SET_ASIDE: "a schedule cannot run",
    Event.CREDENTIAL: "a credential ends soon",
    Event.INVENTORY: "an inventory is too old",
}
