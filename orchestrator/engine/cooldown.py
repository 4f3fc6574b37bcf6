"""The cooldown of a lane: one process obeys it at once, all others as soon as it is written."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.domain.circuit_breaker import UNREACHABLE_PATIENCE
from orchestrator.domain.errors import TryLater
from orchestrator.domain.outcome import Bar, Barred, Deferred, GraphError, Outcome, is_cut_off
from orchestrator.domain.waiting import LaneWait, WaitKind, clock_time
from orchestrator.engine.ports import Lane, Ports
from orchestrator.telemetry.logger import get_logger
from orchestrator.throttle.gcra import Refusal

log = get_logger(__name__)


class Cooldown:
    """Until when no call of the lane may leave, learned from outcomes and from the throttle."""

    def __init__(self, lane: Lane, ports: Ports) -> None:
        self._lane, self._ports = lane, ports
        self._in_a_row = 0
        self._cut_off_since: float | None = None
        self._unshared: tuple[Refusal, float] | None = None
        self._unreachable: tuple[GraphError, datetime, datetime] | None = None
        self.until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls may leave, as far as this process knows."""
        return self._ports.clock.monotonic() >= self.until

    @property
    def wait(self) -> LaneWait | None:
        """Why no call of this process can leave for Graph: no connection, or no token; None where calls can."""
        left = self.until - self._ports.clock.monotonic()
        # A try may take as long as it takes to connect. A lane in which nothing is tried any more says nothing.
        if self._unreachable is None or left < -_LONGEST_TRY:
            return None
        error, since, until = self._unreachable
        return unreachable_wait(error, since=since, until=until if left > 0 else None)

    def close_until(self, until: float) -> None:
        """Closes the lane until this monotonic time, as the throttle says."""
        self.until = max(self.until, until)

    def apply(self, outcome: Outcome, ago: float) -> tuple[Outcome, Refusal | None]:
        """Close the lane here where no call can work now; `ago` seconds since the call left.

        Answers with the outcome, which may turn out to be the last one, and with what concerns other processes.
        """
        if is_answer(outcome):
            self.mark_answered()
        now = self._ports.clock.monotonic()
        if is_cut_off(outcome) or (isinstance(outcome, Deferred) and outcome.never_arrived):
            # The way from here is broken, perhaps only from here: the others go on.
            if now - self.until > _FORGOTTEN_AFTER:
                # No call was made meanwhile: since when Graph is unreachable is not known.
                self._in_a_row, self._cut_off_since, self._unreachable = 0, None, None
            self._in_a_row += now >= self.until
            self.until = max(self.until, now + min(2.0**self._in_a_row, _LONGEST_OUTAGE_NAP))
            self._mark_unreachable(outcome.error, now)
            return self._given_up(outcome.error, now) or outcome, None
        if not isinstance(outcome, Deferred) or not outcome.closes_lane:
            return outcome, None
        self._in_a_row += now >= self.until
        wait = outcome.retry_after.total_seconds() if outcome.retry_after is not None else None
        self.until = max(self.until, now + (_UNNAMED if wait is None else wait))
        return outcome, Refusal(wait, ago)

    def mark_answered(self) -> None:
        """Graph answers the caller."""
        self._in_a_row, self._cut_off_since, self._unreachable = 0, None, None

    def _mark_unreachable(self, error: GraphError, now: float) -> None:
        utc = self._ports.utc()
        since = self._unreachable[1] if self._unreachable else utc
        # Worked out once: a report that changed with every look would be written with every look.
        self._unreachable = error, since, utc + timedelta(seconds=self.until - now)

    def _given_up(self, error: GraphError, now: float) -> Barred | None:
        """The end of a job whose calls have not reached Graph for too long; None while it waits."""
        if self._cut_off_since is None:
            self._cut_off_since = now
        is_over = now - self._cut_off_since > UNREACHABLE_PATIENCE.total_seconds()
        return Barred(error, Bar.UNREACHABLE) if is_over else None

    async def share(self, refusal: Refusal) -> None:
        """Close the lane for all processes; a closure that cannot be written now is offered again by `share_again`."""
        try:
            await self._ports.throttle.close(self._lane.key, refusal, self._lane.limit)
        except TryLater as problem:
            log.warning("lane.close_unshared", lane=self._lane.key, reason=str(problem))
            self._unshared = (refusal, self._ports.clock.monotonic())
        except Exception:
            # The outcome of this call must be recorded all the same.
            log.exception("lane.close_broke", lane=self._lane.key)

    async def share_again(self) -> None:
        """Close the lane for all processes for the rest of a closure that is not written yet."""
        if self._unshared is None:
            return
        (refusal, heard_at), self._unshared = self._unshared, None
        elapsed = self._ports.clock.monotonic() - heard_at
        if refusal.wait is None or refusal.wait > elapsed:
            left = None if refusal.wait is None else refusal.wait - elapsed
            await self.share(Refusal(left, refusal.ago + elapsed))

    @property
    def look_at(self) -> float:
        """When to look again, on the monotonic clock: as it opens, or sooner where the cooldown is not written yet."""
        if self._unshared is None:
            return self.until
        return min(self.until, self._ports.clock.monotonic() + _TELL_AGAIN)


def unreachable_wait(error: GraphError, *, since: datetime, until: datetime | None) -> LaneWait:
    """Returns the wait that is shown for calls that could not even leave; pure."""
    no_token = error.code == "SignInUnreachable"
    kind = WaitKind.SIGN_IN if no_token else WaitKind.GRAPH_UNREACHABLE
    what = "No token can be had" if no_token else "Graph cannot be reached"
    tried = f"tried again at {clock_time(until)}" if until else "being tried again now"
    return LaneWait(kind, f"{what} since {clock_time(since)} ({error.message.rstrip('.')}); {tried}.", until)


def is_answer(outcome: Outcome) -> bool:
    """Whether Graph answered the caller, also with a refusal of the device."""
    match outcome:
        case _ if is_cut_off(outcome):
            return False
        case Barred() | Deferred(closes_lane=True):
            return False
        case Deferred(error):
            # A refused token says nothing yet about whether the next one will do.
            return error.http_status not in {None, 401}
        case _:
            return getattr(getattr(outcome, "error", None), "http_status", 204) is not None


_UNNAMED = 1.0
_TELL_AGAIN = 0.2
_FORGOTTEN_AFTER = 600.0
_LONGEST_TRY = 30.0
_LONGEST_OUTAGE_NAP = 60.0
