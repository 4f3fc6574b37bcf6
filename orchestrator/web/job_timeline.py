"""The events of a job in one numbered line: of people, of Graph and of the circuit breaker; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.course import EventKind, Span
from orchestrator.domain.job import ACTIVE, Job, JobStatus
from orchestrator.domain.spans import span
from orchestrator.domain.target import TargetStatus, may_mend
from orchestrator.store.jobs.samples import Sample
from orchestrator.usecases.jobs.describe_job import ErrorView
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.sample_progress import Course
from orchestrator.web.formatting import standing

MOST = 14
"""Events that are shown: the first, and the last ones."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event: what happened in bold, and the rest beside it; `number` marks it in the chart."""

    at: datetime
    title: str
    detail: str = ""
    number: int = 0


def timeline(
    view: JobView,
    audit: Iterable[AuditEntry],
    course: Course,
    *,
    retries: Iterable[Job] = (),
) -> list[TimelineEvent]:
    """The events of a job, oldest first; of very many the middle is left out. `retries` are the jobs that retry it."""
    events = [
        *_from_job(view),
        *_from_audit(audit),
        *_from_spans(course.spans),
        *_from_retries(retries),
        *_from_limits(course.samples),
        *_from_refusals(course.refused),
    ]
    if course.canaries is not None:
        told = f"{course.canaries.accepted:,} of {course.canaries.settled:,} accepted"
        events.append(TimelineEvent(course.canaries.at, "Canaries passed", told))
    found = sorted(events, key=lambda event: event.at)
    if len(found) > MOST:
        found = [found[0], *found[-(MOST - 1) :]]
    return [replace(event, number=number) for number, event in enumerate(found, start=1)]


def _from_job(view: JobView) -> Iterator[TimelineEvent]:
    job = view.job
    yield TimelineEvent(job.submitted_at, "Submitted", _by(job.submitted_by, job.submit_reason))
    if job.started_at is not None:
        yield TimelineEvent(job.started_at, "First call")
    if job.finished_at is not None and view.status is JobStatus.FINISHED:
        yield TimelineEvent(job.finished_at, standing(view.status, view.tally)[1])


def _from_audit(audit: Iterable[AuditEntry]) -> Iterator[TimelineEvent]:
    for entry in audit:
        words = _DONE.get(entry.what)
        if words is not None:
            yield TimelineEvent(entry.at, words, _by(entry.who, entry.reason))


def _from_spans(spans: Iterable[Span]) -> Iterator[TimelineEvent]:
    for each in spans:
        if each.kind is EventKind.BRAKED:
            yield TimelineEvent(each.begins_at, "Stopped by the brake")
        elif each.kind is EventKind.STOPPED:
            yield TimelineEvent(each.begins_at, "Stopped")
        elif each.kind in _LOST:
            lasted = "" if each.ends_at is None else f"for {span((each.ends_at - each.begins_at).total_seconds())}"
            yield TimelineEvent(each.begins_at, _LOST[each.kind], lasted)


def _from_retries(retries: Iterable[Job]) -> Iterator[TimelineEvent]:
    for job in retries:
        yield TimelineEvent(job.submitted_at, "Retried", f"{_by(job.submitted_by, job.submit_reason)}, as job {job.id}")


def _from_limits(samples: Sequence[Sample]) -> Iterator[TimelineEvent]:
    """Where the settings gave the lane another limit, as far as a sample saw it."""
    limits = [(sample.at, sample.per_second) for sample in samples if sample.per_second is not None]
    for (_, before), (at, limit) in pairwise(limits):
        if abs(limit - before) > _SAME_LIMIT * before:
            words = "Limit lowered" if limit < before else "Limit raised"
            yield TimelineEvent(at, words, f"from {before:.1f} to {limit:.1f} calls a second")


def _from_refusals(refused: Sequence[tuple[datetime, int]]) -> Iterator[TimelineEvent]:
    """Where Graph made the lane call more slowly: minutes with 429 answers, those close together as one event."""
    groups: list[list[tuple[datetime, int]]] = []
    for minute in refused:
        if not groups or minute[0] - groups[-1][-1][0] > _APART:
            groups.append([])
        groups[-1].append(minute)
    for group in groups:
        count = sum(answers for _, answers in group)
        lasted = span((group[-1][0] - group[0][0]).total_seconds() + 60)
        told = f"after {count:,} answer{'' if count == 1 else 's'} 429 in its lane, within {lasted}"
        yield TimelineEvent(group[0][0], "Slowed down", told)


_SAME_LIMIT = 0.01
_APART = timedelta(minutes=5)
"""Minutes with 429 answers that are further apart than this are told apart."""


def _by(who: str, reason: str | None) -> str:
    return f"by {who}: {reason}" if reason else f"by {who}"


_DONE = {
    "job.paused": "Paused",
    "job.resumed": "Resumed",
    "job.cancelled": "Cancelled",
    "job.reprioritised": "Priority changed",
    "job.retried": "Retried",
    "job.rebound": "Moved to the tenant's present lane",
}


def verdict(view: JobView, *, permanent: int, left: str | None) -> tuple[str, str]:
    """How a job stands, as (the fact, what follows from it)."""
    tally, status = view.tally, view.status
    total = f"{tally.total:,} device{'' if tally.total == 1 else 's'}"
    if status in ACTIVE:
        share = 100 * tally.called // tally.total if tally.total else 0
        begin = f"About {left} left." if left else "It runs." if status is JobStatus.RUNNING else "It waits."
        return begin, f"{tally.called:,} of {total} called, {share} %."
    if tally.waiting + tally.sending:
        return f"{tally.waiting + tally.sending:,} of {total} not called yet.", _failures(view, permanent)
    if tally.cancelled:
        return f"{tally.cancelled:,} of {total} were never called.", _failures(view, permanent)
    if tally.failed:
        return f"{tally.failed:,} of {total} failed.", _failures(view, permanent)
    if tally.uncertain:
        return (
            f"{tally.uncertain:,} of {total} are uncertain.",
            "No answer came that can be trusted.",
        )
    return f"All {total} accepted.", "Graph took every request and will relay it."


def _failures(view: JobView, permanent: int) -> str:
    failed = view.tally.failed
    if not failed:
        return ""
    if failed == permanent:
        return "None of them may succeed on another attempt."
    again = f", {permanent:,} will fail again" if permanent else ""
    return f"{failed - permanent:,} may succeed on another attempt{again}."


ErrorGroups = list[tuple[str, str, str, list[ErrorView], str]]


def error_groups(view: JobView) -> ErrorGroups:
    """Failures by what helps: (title, icon, colour, errors, the status to retry or "export")."""
    failed = [error for error in view.errors if error.status is TargetStatus.FAILED]
    may = [error for error in failed if may_mend(error.status, error.http_status)]
    never = [error for error in failed if not may_mend(error.status, error.http_status)]
    open_ones = [error for error in view.errors if error.status is TargetStatus.UNCERTAIN]
    found: ErrorGroups = [
        (f"{_count(may)} may succeed on another attempt", "rotate-cw", "good", may, "failed"),
        (f"{_count(never)} will fail again", "circle-x", "bad", never, "export"),
        (
            f"{_count(open_ones)} uncertain: no answer to be trusted",
            "circle-alert",
            "doubt",
            open_ones,
            "uncertain",
        ),
    ]
    return [group for group in found if group[3]]


def _count(errors: Sequence[ErrorView]) -> str:
    return f"{sum(error.count for error in errors):,}"


_LOST = {EventKind.OUTAGE: "Graph was out", EventKind.UNREACHABLE: "Graph could not be reached"}
