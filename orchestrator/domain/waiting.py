"""Why a job that is under way makes no calls, or fewer than its limit allows: one decision from facts; pure.

Contract, section 7, `waitingFor`. The words are for people: each names the cause, and until when it holds where that is
known. Times are UTC, as everywhere in Muster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.figures import plural
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.lane import WriteLimit


class WaitKind(StrEnum):
    """Causes of waiting, as JSON spells them; the order is which of several causes is shown."""

    HALTED = "halted"
    TENANT_CHANGED = "tenantChanged"
    NO_WORKER = "noWorker"
    DATABASE_SLOW = "databaseSlow"
    SIGN_IN = "signIn"
    GRAPH_UNREACHABLE = "graphUnreachable"
    WINDOW = "window"
    OUTAGE = "outage"
    RATE_LIMITED = "rateLimited"
    CANARY = "canary"
    ADAPTED = "adapted"

    @property
    def has_no_forecast(self) -> bool:
        """Whether the end of the job cannot be forecast while this lasts."""
        return self not in {WaitKind.RATE_LIMITED, WaitKind.CANARY, WaitKind.ADAPTED, WaitKind.WINDOW}


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """The cause that holds a job back now; `until` is when it ends or is looked at again, None where that is not known.

    `hint` is what to type about it, for the command line alone: pages have buttons.
    """

    kind: WaitKind
    message: str
    until: datetime | None = None
    hint: str = ""

    @property
    def in_full(self) -> str:
        """Cause and hint, as the command line says them."""
        return f"{self.message} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class LaneWait:
    """The cause that keeps one process from calling in a lane; the process reports it, since no other can see it."""

    kind: WaitKind
    message: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """How the throttle of the job's lane stands.

    `closed_until` is None while the lane is open. `is_refused` says that a 429 closed it, and not a change of who keeps
    the pace. `share` of the limit is used now, and the whole of it again from `recovered_at` on.
    """

    limit: WriteLimit | None = None
    closed_until: datetime | None = None
    is_refused: bool = True
    share: float = 1.0
    recovered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutageSeen:
    """Graph is out for the job: since when, the next probe, and the words that the job carries about it."""

    since: datetime
    probe_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class JobSituation:
    """All that decides what a job waits for.

    `waiting` targets are not called yet, `settled` have ended. `halted` is the sentence of the emergency stop, where
    one is in force. `tenant_problem` says why no tenant of the settings leads to the job's lane. `is_worked_on` says
    whether any live process takes calls of this job; `hint` is what to type where settings changed or no process works.
    `reported` is what workers reported of the lane. `canaries` counts those that go first and are not judged yet.
    `retry_at` is set where everything that is left waits for its next attempt.
    """

    status: JobStatus
    waiting: int
    settled: int = 0
    halted: str | None = None
    tenant_problem: str | None = None
    is_worked_on: bool = True
    hint: str = ""
    reported: LaneWait | None = None
    window_until: datetime | None = None
    is_window_over: bool = False
    outage: OutageSeen | None = None
    lane: LaneStanding = LaneStanding()
    canaries: int = 0
    retry_at: datetime | None = None


def waiting_for(job: JobSituation) -> WaitingFor | None:
    """The cause to name, the one that has to end first; None where nothing holds the job back or nothing waits."""
    if job.status not in ACTIVE or not job.waiting:
        return None
    return _stopped_from_outside(job) or _held_by_graph(job) or _going_slowly(job)


def _stopped_from_outside(job: JobSituation) -> WaitingFor | None:
    """Causes that let no call leave."""
    if job.halted is not None:
        return WaitingFor(WaitKind.HALTED, job.halted)
    if job.tenant_problem is not None:
        return WaitingFor(WaitKind.TENANT_CHANGED, job.tenant_problem, hint=job.hint)
    if not job.is_worked_on:
        return WaitingFor(WaitKind.NO_WORKER, "No process works on this job.", hint=job.hint)
    if job.reported is not None:
        hint = job.hint if job.reported.kind is WaitKind.TENANT_CHANGED else ""
        return WaitingFor(job.reported.kind, job.reported.message, job.reported.until, hint)
    if job.is_window_over and job.window_until is not None:
        ended = f"The job's window ended at {clock_time(job.window_until)}: no further call leaves, and the job stops."
        return WaitingFor(WaitKind.WINDOW, ended, job.window_until)
    return None


def _held_by_graph(job: JobSituation) -> WaitingFor | None:
    """Causes that lie with Graph: an outage of it, or a 429 that closed the lane."""
    if job.outage is not None:
        return WaitingFor(WaitKind.OUTAGE, job.outage.message, job.outage.probe_at)
    closed_until = job.lane.closed_until
    if closed_until is None:
        return None
    at = clock_time(closed_until)
    if not job.lane.is_refused:
        said = f"What the database held of the lane's pace could not be right; calls go on at {at}."
        return WaitingFor(WaitKind.DATABASE_SLOW, said, closed_until)
    said = f"Graph answered 429 (too many requests): no call of this tenant leaves before {at}."
    return WaitingFor(WaitKind.RATE_LIMITED, said, closed_until)


def _going_slowly(job: JobSituation) -> WaitingFor | None:
    """Causes that let some calls leave, or that end by themselves."""
    if job.canaries:
        ended = min(job.settled, job.canaries)
        said = (
            f"The canaries go first: {ended:,} of {plural(job.canaries, 'device')} ended so far. "
            "The other devices wait until the canaries were judged."
        )
        return WaitingFor(WaitKind.CANARY, said)
    if job.retry_at is not None:
        left = (
            "The device that is left waits" if job.waiting == 1 else f"The {job.waiting:,} devices that are left wait"
        )
        said = f"{left} for the next attempt, after Graph could not answer the last one: at {clock_time(job.retry_at)}."
        return WaitingFor(WaitKind.OUTAGE, said, job.retry_at)
    if job.lane.share < 1.0 and job.lane.limit is not None:
        said = (
            f"Adapted to {int(100 * job.lane.share)} % of the limit of {job.lane.limit} after Graph answered 429 (too "
            "many requests); more is tried step by step."
        )
        return WaitingFor(WaitKind.ADAPTED, said, job.lane.recovered_at)
    return None


def clock_time(at: datetime) -> str:
    """The time of day in UTC, to the second."""
    return f"{at:%H:%M:%S} UTC"


class KnownWaits:
    """The present waits of one process, lane by lane; replaced as a whole."""

    def __init__(self) -> None:
        self._waits: dict[LaneKey, LaneWait] = {}
        self._is_at_work = False
        self._only: JobNumber | None = None

    def begin_work(self, only: JobNumber | None) -> None:
        """Notes that this process calls devices from now on: of the job `only`, or of any job."""
        self._is_at_work, self._only = True, only

    def end_work(self) -> None:
        """Notes that this process starts no further call."""
        self._is_at_work = False
        self._waits = {}

    def work_on(self, job: JobNumber) -> bool:
        """Whether this process takes calls of the job."""
        return self._is_at_work and self._only in {None, job}

    def replace(self, waits: Mapping[LaneKey, LaneWait]) -> None:
        """Takes these in place of all before."""
        self._waits = dict(waits)

    def of(self, lane: LaneKey) -> LaneWait | None:
        """The cause that keeps this process from calling in the lane; None where nothing does."""
        return self._waits.get(lane)


Say = Callable[[str], None]
"""Shows one sentence to a person who waits for something."""


def say_nothing(_: str) -> None:
    """Drop the sentence: nobody waits."""
