"""What must hold after every run, whatever was broken in it: one function for the simulation and for real processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.simulator.tenant import Call
from tests.support.arrivals import most_in_any_window
from tests.support.truth import lies_in

FINAL = frozenset({"accepted", "failed", "uncertain", "cancelled"})

RECOVERY_WITHIN = 15.0
"""Seconds after a death in which its work must have been taken up."""

FENCE_WITHIN = 1.0
"""Seconds after a pause or a cancellation in which the last call leaves."""

CLOSED_WITHIN = 0.5
"""Seconds after a 429 was heard in which the last call of anybody leaves, if whom to tell can be reached."""


@dataclass(frozen=True, slots=True)
class JobEvidence:
    """One job: what was asked, what its report and its counts say, and when nobody was to call for it."""

    devices: Sequence[str]
    rows: Sequence[Mapping[str, str]]
    counts: Mapping[str, int]
    may_repeat: bool = True
    fences: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run: the ledger of Graph, its jobs, and when what happened; all moments are on the ledger's clock."""

    calls: Sequence[Call]
    jobs: Sequence[JobEvidence]
    limit: tuple[int, float] | None = None
    cooldown: Sequence[tuple[float, float]] = ()
    recoveries: Sequence[float] = ()
    stale_writes: Sequence[str] = ()
    allowance: Callable[[float], float] = lambda _: 0.0
    """How much longer than on an idle machine something of so many seconds may take; in virtual time no longer."""
    others: Sequence[str] = field(default=())


def violations_of(run: Evidence) -> list[str]:
    """Every invariant that does not hold, a line each."""
    broken = [f"a stale write: {each}" for each in run.stale_writes] + list(run.others)
    known = {device for job in run.jobs for device in job.devices}
    broken += [f"a device was invented: {call.device}" for call in run.calls if call.device not in known]
    for job in run.jobs:
        broken += _of_job(job, run.calls, FENCE_WITHIN + run.allowance(FENCE_WITHIN))
    if run.limit is not None:
        peak = most_in_any_window((call.arrived for call in run.calls), run.limit[1])
        if peak > run.limit[0]:
            broken.append(f"{peak} calls in {run.limit[1]} seconds, where {run.limit[0]} are the limit")
    for since, until in run.cooldown:
        early = [call.arrived for call in run.calls if since < call.arrived < until]
        broken += [f"a call at {instant:.3f} in a lane closed from {since:.3f} to {until:.3f}" for instant in early]
    slow = [took for took in run.recoveries if took > RECOVERY_WITHIN + run.allowance(RECOVERY_WITHIN)]
    return broken + [f"work was taken up only after {took:.1f} seconds" for took in slow]


def assert_all_holds(run: Evidence) -> None:
    """No invariant is broken."""
    broken = violations_of(run)
    assert not broken, "\n".join(broken[:20])


def _of_job(job: JobEvidence, ledger: Sequence[Call], fence_within: float) -> list[str]:
    devices = set(job.devices)
    calls = [call for call in ledger if call.device in devices]
    broken = lies_in(job.rows, calls)
    if [row["managedDeviceId"] for row in job.rows] != list(job.devices):
        broken.append("the report has other rows than the list")
    statuses = Counter(row["status"] for row in job.rows)
    broken += [f"{count} devices are {status} at the end" for status, count in statuses.items() if status not in FINAL]
    parts = {status: count for status, count in job.counts.items() if status != "total"}
    if sum(parts.values()) != job.counts["total"] or {k: v for k, v in parts.items() if v} != dict(statuses):
        broken.append(f"the counts {dict(job.counts)} are not what the report has: {dict(statuses)}")
    if not job.may_repeat:
        effects = Counter(call.device for call in calls if call.effect)
        broken += [f"{device} was asked {count} times unasked" for device, count in effects.items() if count > 1]
    for since, until in job.fences:
        late = [call.arrived for call in calls if since + fence_within < call.arrived < until]
        broken += [f"a call {instant - since:.3f} seconds after the fence at {since:.3f}" for instant in late]
    return broken
