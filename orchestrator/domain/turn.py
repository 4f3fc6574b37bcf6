"""Whose turn it is: the jobs of one lane, each served by its weight; pure but for what it remembers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.domain.batch import BATCH_SIZE
from orchestrator.domain.ids import JobNumber


@dataclass(frozen=True, slots=True)
class Turn:
    """A job's place in the fair order of its lane: `served` is its calls so far, each divided by its weight."""

    job: JobNumber
    served: float
    weight: int

    def after(self, calls: int) -> Turn:
        """Its place after so many more."""
        return replace(self, served=self.served + calls / self.weight)

    def not_before(self, start: float) -> Turn:
        """Its place if it starts there: what it could not use before is not made up for."""
        return replace(self, served=max(self.served, start))


class Turns:
    """The jobs of one lane that have something due, as this process last saw them.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): the lane stands where the job did that was served last, and a job
    that had nothing due starts there. It would be served alone otherwise, until it had as much as all the others.
    `lead` is how many calls a job of weight 1 may at most be given before those who serve the others see it: one batch
    where a limit paces the lane, since then nobody draws more at a time.
    """

    def __init__(self, lead: int = BATCH_SIZE) -> None:
        self._lead = lead
        self._turns: dict[JobNumber, Turn] = {}
        self._starts: dict[JobNumber, float] = {}
        self._stands_at = 0.0

    def replace(self, turns: Iterable[Turn]) -> None:
        """These have something due, and no others."""
        due = list(turns)
        # Whoever is further behind had nothing due, even where this process was not there to see it.
        lowest = max((turn.served - self._lead / turn.weight for turn in due), default=0.0)
        self._stands_at = max(self._stands_at, lowest)
        self._starts = {
            turn.job: max(lowest, self._starts[turn.job]) if turn.job in self._turns else self._stands_at
            for turn in due
        }
        self._turns = {turn.job: turn.not_before(self._starts[turn.job]) for turn in due}

    def start(self, job: JobNumber) -> float:
        """Where the job started when it last had something due again; the least that it was served since."""
        return self._starts.get(job, 0.0)

    def correct(self, turn: Turn) -> None:
        """Others were served too, or the job was given another weight."""
        if turn.job in self._turns:
            self._turns[turn.job] = turn.not_before(self._starts[turn.job])

    def first(self) -> JobNumber | None:
        """The job that was served least; of those served alike, the one that was submitted first."""
        return min(self._turns.values(), key=lambda turn: (turn.served, turn.job)).job if self._turns else None

    def note_served(self, job: JobNumber, calls: int) -> None:
        """The job was given so many calls."""
        if job in self._turns:
            self._stands_at = max(self._stands_at, self._turns[job].served)
            self._turns[job] = self._turns[job].after(calls)

    def drop(self, job: JobNumber) -> None:
        """Nothing of it can be called now."""
        self._turns.pop(job, None)
