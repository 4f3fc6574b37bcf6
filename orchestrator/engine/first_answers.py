"""The first calls of a job in one held batch: refusals that wait for a verdict on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.first_answers import FirstVerdict, is_unexplained, judge_first_answers
from orchestrator.domain.outcome import Outcome
from orchestrator.domain.retry import Settle
from orchestrator.domain.target import Target


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A target that waits meanwhile, and how it ends if the answer concerns it alone; sent at `sent_at`."""

    target: Target
    step: Settle
    sent_at: datetime


class FirstAnswers:
    """The outcomes of a job's first calls, as far as they have come, until there is a verdict on them."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []
        self._kept_back: list[KeptBack] = []
        self._verdict = FirstVerdict.OPEN

    def add(self, outcome: Outcome) -> None:
        """Adds an outcome to those that the verdict is made of."""
        if self._verdict is FirstVerdict.OPEN:
            self._outcomes.append(outcome)

    def keeps_back(self, outcome: Outcome) -> bool:
        """Whether a target with this outcome waits for the verdict before it fails."""
        return self._verdict is FirstVerdict.OPEN and is_unexplained(outcome)

    def hold_back(self, target: Target, step: Settle, sent_at: datetime) -> None:
        """Remember how the target ends if the answer concerns it alone."""
        self._kept_back.append(KeptBack(target, step, sent_at))

    def judge(self, *, is_complete: bool) -> tuple[FirstVerdict, list[KeptBack]]:
        """The verdict, and the targets that were kept back for it: each is returned once, none while it is open."""
        if self._verdict is FirstVerdict.OPEN:
            self._verdict = judge_first_answers(self._outcomes, is_complete=is_complete)
        if self._verdict is FirstVerdict.OPEN:
            return self._verdict, []
        kept_back, self._kept_back = self._kept_back, []
        return self._verdict, kept_back
