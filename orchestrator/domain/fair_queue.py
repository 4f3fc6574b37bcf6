"""The fair queue of one lane: which job is served next, by weight; pure but for its own state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.domain.batch import BATCH_SIZE
from orchestrator.domain.ids import JobNumber


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A job's place in the fair order of its lane: `virtual_time` is its calls so far, divided by its weight."""

    job: JobNumber
    virtual_time: float
    weight: int

    def after(self, calls: int) -> QueuePlace:
        """Returns the virtual time after so many more calls."""
        return replace(self, virtual_time=self.virtual_time + calls / self.weight)

    def not_before(self, start: float) -> QueuePlace:
        """Returns the virtual time if it starts there: unused share from before is not made up for."""
        return replace(self, virtual_time=max(self.virtual_time, start))


class FairQueue:
    """The jobs of one lane that have something due, as this process last saw them.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): the lane stands where the job did that was served last, and a job
    that had nothing due starts there. It would be served alone otherwise, until it had as much as all the others.
    `lead` is how many calls a job of weight 1 may at most be given before those who serve the others see it: one batch
    where a limit paces the lane, since then no claim draws more at a time.
    """

    def __init__(self, lead: int = BATCH_SIZE) -> None:
        self._lead = lead
        self._places: dict[JobNumber, QueuePlace] = {}
        self._starts: dict[JobNumber, float] = {}
        self._virtual_time = 0.0

    def replace(self, places: Iterable[QueuePlace]) -> None:
        """These have something due, and no others."""
        due = list(places)
        # A job further behind had nothing due, even where this process did not see that.
        lowest = max((place.virtual_time - self._lead / place.weight for place in due), default=0.0)
        self._virtual_time = max(self._virtual_time, lowest)
        self._starts = {
            place.job: max(lowest, self._starts[place.job]) if place.job in self._places else self._virtual_time
            for place in due
        }
        self._places = {place.job: place.not_before(self._starts[place.job]) for place in due}

    def start(self, job: JobNumber) -> float:
        """Where the job started when it last had something due again; the least that it was served since."""
        return self._starts.get(job, 0.0)

    def correct(self, place: QueuePlace) -> None:
        """Others were served too, or the job was given another weight."""
        if place.job in self._places:
            self._places[place.job] = place.not_before(self._starts[place.job])

    def first(self) -> JobNumber | None:
        """The job that was served least; of those served alike, the one that was submitted first."""
        return (
            min(self._places.values(), key=lambda place: (place.virtual_time, place.job)).job if self._places else None
        )

    def charge(self, job: JobNumber, calls: int) -> None:
        """The job was given so many calls."""
        if job in self._places:
            self._virtual_time = max(self._virtual_time, self._places[job].virtual_time)
            self._places[job] = self._places[job].after(calls)

    def drop(self, job: JobNumber) -> None:
        """Takes the job out until the next `replace`: no call of it can be made now."""
        self._places.pop(job, None)
