"""Confirmations before a change: the number of devices, and the state that a page showed; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.domain.action import Action
from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.errors import ConfirmationOutdated
from orchestrator.domain.job import RESTING, Job, JobStatus, Tally, shown_status

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.domain.attention import AttentionItem
    from orchestrator.domain.blackout import Blackout
    from orchestrator.domain.keys import ApiKey, Creations
    from orchestrator.domain.schedule import Schedule

Confirm = Callable[[Action, int], None]
"""Is called with the action and the number of devices just before a change; an exception from it leaves all as it is.
"""

Facts = Mapping[str, str | int]
"""The values that a page showed of the thing that is about to be changed, in the words of the page."""

COSTLY_ABOVE = 10
"""Devices that a costly action may be asked of without a question: hours of disk and processor on each."""


def asks_above(action: Action, confirm_above: int) -> int:
    """The number of devices above which the count is asked about."""
    return min(COSTLY_ABOVE, confirm_above) if action.is_costly else confirm_above


def refuse_outdated(shown: Facts | None, now: Facts) -> None:
    """ConfirmationOutdated where a fact that was shown is another one by now, or where nothing was shown at all.

    None means that the caller confirms nothing (the API, the command line). A fact that only one side has is not
    compared: how many devices wait is known only while a job is at rest.
    """
    if shown is None:
        return
    common = [name for name in now if name in shown]
    if not common or any(shown[name] != now[name] for name in common):
        raise ConfirmationOutdated(shown, now)


def job_facts(job: Job, tally: Tally) -> Facts:
    """The facts of a job that a page shows before a person pauses, resumes or cancels it."""
    status = shown_status(job.status, tally)
    facts: dict[str, str | int] = {"status": _PHASES.get(status, status.value)}
    if status in RESTING:
        facts["waiting devices"] = tally.waiting
    return facts


def priority_facts(job: Job, tally: Tally) -> Facts:
    """The facts of a job that a page shows before a person changes its priority."""
    return {**job_facts(job, tally), "priority": job.priority.value}


def schedule_facts(schedule: Schedule, version: int | None, devices: int | None) -> Facts:
    """A schedule as pages show it; `version` and `devices` are those of its list, None where there is no list."""
    order = schedule.order
    rules = repr((schedule.recurrence, order, schedule.rules, schedule.channels))
    return {
        "status": schedule.status.value,
        "action": order.action.value,
        "tenant": order.tenant,
        "list": order.list_name,
        "version of the list": "none" if version is None else version,
        "devices": "none" if devices is None else devices,
        "rules": hashlib.sha256(rules.encode()).hexdigest()[:16],
    }


def list_facts(version: int, devices: int, schedules: Sequence[str]) -> Facts:
    """The facts of a saved list that pages show."""
    return {"version": version, "devices": devices, "schedules that need it": ", ".join(sorted(schedules)) or "none"}


def newest_version_facts(name: str, version: int | None) -> Facts:
    """The facts of a list that its page shows before it gets a new version; `version` is None for no list."""
    return {f"version of the list {name}": "none" if version is None else version}


def stop_facts(stops: Sequence[EmergencyStop]) -> Facts:
    """The emergency stops that a page shows before they are lifted."""
    return {"stops in force": " ".join(stop.sentence for stop in stops) or "none"}


def blackout_facts(blackout: Blackout) -> Facts:
    """The facts of a blackout that its page shows before it is changed or removed."""
    bounds = {"begin": blackout.starts, "end": blackout.ends}
    return {**{name: time.isoformat() for name, time in bounds.items()}, "reason": blackout.reason or "none"}


def inventory_facts(read_at: datetime, devices: int, in_force: int) -> Facts:
    """The facts of an inventory that waits for a person, with the number of devices that are in force until then."""
    return {
        "reading of the waiting inventory": read_at.isoformat(),
        "devices of the waiting inventory": devices,
        "devices in force": in_force,
    }


def attention_facts(item: AttentionItem) -> Facts:
    """The facts of an item of "needs attention" that its page shows before a person acknowledges it."""
    # Not its sentence: counts and ages in it change while the page is open.
    return {"item": item.id, "begin": item.since.isoformat()}


def version_facts(version: int, devices: int) -> Facts:
    """The facts of a list that a form shows when it is chosen."""
    return {"version of the list": version, "devices": devices}


def key_facts(key: ApiKey, status: str) -> Facts:
    """The facts of an API key that the list of keys shows."""
    return {"name": key.name, "role": key.grant.role.value, "status": status}


def all_key_facts(key: ApiKey, status: str, created: Creations) -> Facts:
    """The facts that the page of a key shows, with what the key created and is still in force."""
    made = ", ".join((*created.keys, *created.schedules, *created.jobs))
    return {**key_facts(key, status), "what it created": made or "none"}


_PHASES = {
    JobStatus.QUEUED: "active",
    JobStatus.RUNNING: "active",
    JobStatus.PAUSING: "paused",
    JobStatus.CANCELLING: "cancelled",
}
"""A job that moves from one of these statuses to the other by itself is the same thing to the person who steers it."""
