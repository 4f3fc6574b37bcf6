"""Whose turn it is: the jobs of one lane, each served by its weight; pure but for what it remembers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

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


class Turns:
    """The jobs of one lane that have something due, as this process last saw them."""

    def __init__(self) -> None:
        self._turns: dict[JobNumber, Turn] = {}

    def replace(self, turns: Iterable[Turn]) -> None:
        """These have something due, and no others."""
        self._turns = {turn.job: turn for turn in turns}

    def correct(self, turn: Turn) -> None:
        """Others were served too, or the job was given another weight."""
        if turn.job in self._turns:
            self._turns[turn.job] = turn

    def first(self) -> JobNumber | None:
        """The job that was served least; of those served alike, the one that was submitted first."""
        return min(self._turns.values(), key=lambda turn: (turn.served, turn.job)).job if self._turns else None

    def note_served(self, job: JobNumber, calls: int) -> None:
        """The job was given so many calls."""
        if job in self._turns:
            self._turns[job] = self._turns[job].after(calls)

    def drop(self, job: JobNumber) -> None:
        """Nothing of it can be called now."""
        self._turns.pop(job, None)
