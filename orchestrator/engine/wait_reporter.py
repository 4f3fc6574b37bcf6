"""Report what keeps this process from calling: in memory for itself, in the database for all other processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.errors import MusterError, SettingsInvalid, SignInUnreachable, StoreUnavailable
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.tenant import tenant_problem
from orchestrator.domain.waiting import LaneWait, WaitKind, clock_time
from orchestrator.engine.lane_loop import LaneLoop
from orchestrator.engine.recorder import Recorder

_SLOW = 0.7
"""Seconds of one write from which on the database counts as slow: calls leave only after their intent is written."""

_PROMPT = 1.0
"""Seconds within which a lane is usually opened: a token, its permissions."""

_REFRESH = 2.5
"""Seconds after which a report that still holds is written again; readers drop one that is much older."""

_NOTED_FOR = 10.0
"""Seconds that a problem of a lane is shown after its last occurrence: lanes are tried again every few seconds."""


@dataclass(frozen=True, slots=True)
class _Noted:
    wait: LaneWait
    at: float


class WaitReporter:
    """Looks several times a second at the lanes of one process, and writes what keeps them when that changes."""

    def __init__(self, app: App, recorder: Recorder, runs: Mapping[LaneKey, LaneLoop]) -> None:
        self._app, self._recorder, self._runs = app, recorder, runs
        self._opening: dict[LaneKey, tuple[float, datetime]] = {}
        self._noted: dict[LaneKey, _Noted] = {}
        self._written: dict[LaneKey, LaneWait] = {}
        self._written_at = -math.inf

    @contextmanager
    def opening(self, lane: LaneKey) -> Iterator[None]:
        """Around the first connection of a lane, which may wait for a sign-in."""
        self._opening[lane] = self._app.clock.monotonic(), self._app.clock.now()
        try:
            yield
        finally:
            del self._opening[lane]
        self._noted.pop(lane, None)

    def report_unknown_lane(self, lane: LaneKey, tenant_name: str) -> None:
        """No tenant of the settings leads to the lane, where the job says that this one does."""
        said = tenant_problem(tenant_name, lane, self._app.tenants.get(tenant_name))
        if said is not None:
            self._set_wait(lane, LaneWait(WaitKind.TENANT_CHANGED, said))

    def report_problem(self, lane: LaneKey, problem: MusterError) -> None:
        """The lane could not be opened, or broke off; it is tried again."""
        self._set_wait(lane, LaneWait(_kind_of(problem), str(problem)))

    async def report(self) -> None:
        """Looks at every lane; writes to the database only what changed, or what would soon be too old."""
        waits = self._found()
        self._app.waits.replace(waits)
        now = self._app.clock.monotonic()
        if waits == self._written and (not waits or now - self._written_at < _REFRESH):
            return
        async with self._app.store.transaction() as tx:
            await tx.lane_waits.report(self._app.worker, waits, now=await tx.now())
        self._written, self._written_at = waits, now

    def _found(self) -> dict[LaneKey, LaneWait]:
        now = self._app.clock.monotonic()
        self._noted = {lane: each for lane, each in self._noted.items() if now - each.at < _NOTED_FOR}
        found = {lane: each.wait for lane, each in self._noted.items()}
        for lane, (began, since) in self._opening.items():
            if now - began > _PROMPT:
                said = f"The sign-in has not answered since {clock_time(since)}."
                found[lane] = LaneWait(WaitKind.SIGN_IN, said)
        found.update({lane: wait for lane, run in self._runs.items() if (wait := run.wait) is not None})
        if self._recorder.writing_for > _SLOW:
            slow = LaneWait(WaitKind.DATABASE_SLOW, "The database is slow: no call leaves before it has written that.")
            found = {**dict.fromkeys(self._runs, slow), **found}
        return found

    def _set_wait(self, lane: LaneKey, wait: LaneWait) -> None:
        self._noted[lane] = _Noted(wait, self._app.clock.monotonic())


def _kind_of(problem: MusterError) -> WaitKind:
    if isinstance(problem, SettingsInvalid | SignInUnreachable):
        return WaitKind.SIGN_IN
    return WaitKind.DATABASE_SLOW if isinstance(problem, StoreUnavailable) else WaitKind.GRAPH_UNREACHABLE
