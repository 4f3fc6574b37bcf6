"""*Needs attention*: which things a person has to look at, as one decision from facts; pure.

The pages, `muster status`, the metrics and the notifier share it. An item goes when its cause is gone, or when a user
acknowledges it with a reason. An acknowledgement covers what began before it: the next stop of a job is a new item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from orchestrator.domain.attention import (
    TOLERATED_PERCENT,
    AttentionItem,
    AttentionKind,
    CredentialFacts,
    Facts,
    IdleWork,
    InventoryFacts,
    JobFacts,
    Remedy,
    RemedyKind,
    ScheduleFacts,
    Severity,
    SubjectKind,
)
from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.figures import plural
from orchestrator.domain.hints import with_job_id
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.schedule import OccurrenceStatus, ScheduleStatus, lacks_list_words
from orchestrator.domain.spans import span

CREDENTIAL_SOON = timedelta(days=14)
"""How long before the end of a secret or a certificate it needs attention."""

CREDENTIAL_URGENT = timedelta(days=3)
"""How long before its end that is critical; an acknowledgement from before does not cover it."""


def needs_attention(facts: Facts) -> list[AttentionItem]:
    """The items that were not acknowledged since they began: critical ones first, then by kind, the newest first."""
    items = [item for item in _items(facts) if not _is_acknowledged(item, facts)]
    return sorted(items, key=lambda item: (_SEVERITIES[item.severity], _KINDS[item.kind], -item.since.timestamp()))


def is_above_tolerance(tally: Tally, tolerated: int) -> bool:
    """Whether a larger share of the devices called failed, or is uncertain, than `tolerated` percent."""
    return (tally.failed + tally.uncertain) * 100 > tolerated * tally.called


def _is_acknowledged(item: AttentionItem, facts: Facts) -> bool:
    at = facts.acknowledged.get(item.id)
    return at is not None and at >= item.since


def _items(facts: Facts) -> Iterator[AttentionItem]:
    yield from map(_of_stop, facts.stops)
    if facts.idle is not None:
        yield _of_idle_work(facts.idle)
    yield from _of_jobs(facts.jobs, {each.name: each.tolerated for each in facts.schedules})
    for schedule in facts.schedules:
        yield from _of_schedule(schedule, facts)
    for credential in facts.credentials:
        yield from _of_credential(credential, facts.now)
    for inventory in facts.inventories:
        yield from _of_inventory(inventory, facts.now)


def _of_stop(stop: EmergencyStop) -> AttentionItem:
    only = "" if stop.tenant is None else f" --tenant {stop.tenant}"
    return AttentionItem(
        AttentionKind.EMERGENCY_STOP,
        Severity.CRITICAL,
        SubjectKind.INSTALLATION if stop.tenant is None else SubjectKind.TENANT,
        stop.tenant or "all",
        stop.sentence,
        stop.at,
        Remedy(RemedyKind.LIFT_STOP, "Lift the stop", f"muster halt --lift{only} --reason TEXT"),
        tenant=stop.tenant,
    )


def _of_idle_work(idle: IdleWork) -> AttentionItem:
    waits = "waits" if idle.devices == 1 else "wait"
    return AttentionItem(
        AttentionKind.NO_WORKER,
        Severity.CRITICAL,
        SubjectKind.INSTALLATION,
        "workers",
        f"No process works: {plural(idle.devices, 'device')} of {plural(idle.jobs, 'job')} {waits}.",
        idle.since,
        Remedy(RemedyKind.START_WORKER, "Start a worker", idle.command),
    )


def _of_jobs(jobs: Sequence[JobFacts], tolerated: Mapping[str, int]) -> Iterator[AttentionItem]:
    """Items of jobs; of a schedule's finished jobs only the last counts, and a good one settles those before it."""
    last: dict[str, JobFacts] = {}
    for job in jobs:
        if job.schedule is not None and job.status is JobStatus.FINISHED:
            last[job.schedule] = max(job, last.get(job.schedule, job), key=lambda each: each.number)
    for job in jobs:
        share = TOLERATED_PERCENT if job.schedule is None else tolerated.get(job.schedule, TOLERATED_PERCENT)
        later = None if job.schedule is None else last.get(job.schedule)
        is_replaced = later is not None and later.number > job.number
        if job.is_retried or job.goes_on_by_itself:
            continue
        if job.status is JobStatus.FINISHED:
            if not is_replaced:
                yield from _of_finished_job(job, share)
        elif not (is_replaced and later is not None and not _is_bad(later, share)):
            yield _of_unfinished_job(job)


def _is_bad(job: JobFacts, tolerated: int) -> bool:
    return _all_failed(job.tally) or is_above_tolerance(job.tally, tolerated)


def _all_failed(tally: Tally) -> bool:
    return tally.called > 0 and not tally.accepted


def _of_finished_job(job: JobFacts, tolerated: int) -> Iterator[AttentionItem]:
    if not _is_bad(job, tolerated):
        return
    tally = job.tally
    bad = tally.failed + tally.uncertain
    if _all_failed(tally):
        kind, severity = AttentionKind.JOB_FAILED, Severity.CRITICAL
        failed = f"not one of {plural(tally.called, 'device')} accepted"
    else:
        kind, severity = AttentionKind.JOB_FAILURES, Severity.WARNING
        failed = f"{bad:,} of {plural(tally.called, 'device')} failed, more than the tolerated {tolerated} %"
    if job.can_mend:
        remedy = Remedy(RemedyKind.RETRY_JOB, "Retry the failures", f"muster job retry {job.id}")
    else:
        remedy = Remedy(RemedyKind.SHOW_ERRORS, "Look at the errors", f"muster job errors {job.id}")
    yield _of_job(job, kind, severity, f"{_named(job)} finished, and {failed}.", remedy)


def _of_unfinished_job(job: JobFacts) -> AttentionItem:
    resume = Remedy(RemedyKind.RESUME_JOB, "Resume the job", f"muster job resume {job.id}")
    waiting = plural(job.tally.waiting + job.tally.sending, "device")
    if job.status is JobStatus.STOPPED:
        why = _after_blank(None if job.reason is None else with_job_id(job.reason, job.id))
        sentence = f"{_named(job)} stopped with {waiting} left.{why}"
        return _of_job(job, AttentionKind.JOB_STOPPED, Severity.CRITICAL, sentence, resume)
    if job.waits_for is not None:
        return _of_job(job, AttentionKind.JOB_WAITS, Severity.CRITICAL, f"{_named(job)} waits. {job.waits_for}", resume)
    sentence = f"{_named(job)} is paused with {waiting} left."
    return _of_job(job, AttentionKind.JOB_WAITS, Severity.WARNING, sentence, resume)


def _of_job(job: JobFacts, kind: AttentionKind, severity: Severity, sentence: str, remedy: Remedy) -> AttentionItem:
    return AttentionItem(kind, severity, SubjectKind.JOB, job.id, sentence, job.since, remedy, tenant=job.tenant)


def _after_blank(text: str | None) -> str:
    return "" if text is None else f" {text}"


def _named(job: JobFacts) -> str:
    name = job.schedule or job.name
    return f"Job {job.id}" if name is None else f"Job {job.id} ({name})"


def _of_schedule(schedule: ScheduleFacts, facts: Facts) -> Iterator[AttentionItem]:
    """The item of a schedule that was set aside, has no list, that no clock started, or whose last run was missed."""
    late = None if schedule.due_at is None else facts.now - schedule.due_at
    if schedule.status is ScheduleStatus.SET_ASIDE:
        kind, severity = AttentionKind.SCHEDULE_SET_ASIDE, Severity.CRITICAL
        since = schedule.last_at or schedule.created_at or facts.now
        sentence = f"Schedule {schedule.name} was set aside and starts nothing.{_after_blank(schedule.reason)}"
        remedy = Remedy(RemedyKind.RESUME_SCHEDULE, "Resume the schedule", f"muster schedule resume {schedule.name}")
    elif schedule.lacks_list is not None and schedule.status is ScheduleStatus.ACTIVE:
        kind, severity = AttentionKind.SCHEDULE_LACKS_LIST, Severity.CRITICAL
        since = schedule.lacking_since or schedule.last_at or schedule.created_at or facts.now
        sentence = f"Schedule {schedule.name} cannot run. {lacks_list_words(schedule.lacks_list)}"
        command = f"muster schedule change {schedule.name} --list LIST"
        remedy = Remedy(RemedyKind.CHANGE_SCHEDULE, "Name another list", command)
    elif schedule.due_at is not None and late is not None and late > schedule.start_within:
        kind, severity, since = AttentionKind.RUN_MISSED, Severity.CRITICAL, schedule.due_at
        ago = span(late.total_seconds())
        sentence = f"Schedule {schedule.name} was due {ago} ago, and nothing started it: no clock is running."
        remedy = Remedy(RemedyKind.START_CLOCK, "Start a clock", facts.clock_command)
    elif schedule.last_status in _NOT_RUN and schedule.last_at is not None:
        kind, severity, since = AttentionKind.RUN_MISSED, Severity.WARNING, schedule.last_at
        why = "" if schedule.last_reason is None else f": {schedule.last_reason}"
        sentence = f"The run of schedule {schedule.name} of {since:%Y-%m-%d %H:%M} UTC did not start{why}."
        remedy = Remedy(RemedyKind.RUN_SCHEDULE, "Run it now", f"muster schedule run {schedule.name}")
    else:
        return
    yield AttentionItem(
        kind, severity, SubjectKind.SCHEDULE, schedule.name, sentence, since, remedy, tenant=schedule.tenant
    )


def _of_credential(credential: CredentialFacts, now: datetime) -> Iterator[AttentionItem]:
    left = credential.ends_at - now
    if left > CREDENTIAL_SOON:
        return
    is_urgent = left <= CREDENTIAL_URGENT
    ends = "has ended" if left <= timedelta(0) else f"ends in {span(left.total_seconds())}"
    yield AttentionItem(
        AttentionKind.CREDENTIAL_ENDS,
        Severity.CRITICAL if is_urgent else Severity.WARNING,
        SubjectKind.TENANT,
        credential.tenant,
        f"The {credential.what} of tenant {credential.tenant} {ends}, on {credential.ends_at:%Y-%m-%d %H:%M} UTC.",
        credential.ends_at - (CREDENTIAL_URGENT if is_urgent else CREDENTIAL_SOON),
        Remedy(RemedyKind.RENEW_CREDENTIAL, f"Renew the {credential.what}", f"muster tenant check {credential.tenant}"),
        tenant=credential.tenant,
    )


def _of_inventory(inventory: InventoryFacts, now: datetime) -> Iterator[AttentionItem]:
    if inventory.waits_since is not None:
        yield AttentionItem(
            AttentionKind.INVENTORY_WAITS,
            Severity.WARNING,
            SubjectKind.INVENTORY,
            inventory.tenant,
            f"A refreshed inventory of tenant {inventory.tenant} would remove more than a tenth of its devices, and "
            "waits to be accepted.",
            inventory.waits_since,
            Remedy(
                RemedyKind.ACCEPT_INVENTORY,
                "Look at the inventory",
                f"muster inventory refresh --tenant {inventory.tenant} --accept",
            ),
            tenant=inventory.tenant,
        )
    age = now - inventory.read_at
    if age <= inventory.max_age:
        return
    yield AttentionItem(
        AttentionKind.INVENTORY_STALE,
        Severity.WARNING,
        SubjectKind.INVENTORY,
        inventory.tenant,
        f"The inventory of tenant {inventory.tenant} is {span(age.total_seconds())} old; names are matched by one of "
        f"{span(inventory.max_age.total_seconds())} at most.",
        inventory.read_at + inventory.max_age,
        Remedy(
            RemedyKind.REFRESH_INVENTORY,
            "Refresh the inventory",
            f"muster inventory refresh --tenant {inventory.tenant}",
        ),
        tenant=inventory.tenant,
    )


_NOT_RUN = frozenset({OccurrenceStatus.MISSED, OccurrenceStatus.FAILED})
_SEVERITIES = {severity: place for place, severity in enumerate(Severity)}
_KINDS = {kind: place for place, kind in enumerate(AttentionKind)}
