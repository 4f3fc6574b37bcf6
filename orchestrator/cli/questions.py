"""The one question there is: may so many devices be called?"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm, asks_above
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.spans import span
from orchestrator.throttle.forecast_words import forecast_line
from orchestrator.usecases.jobs.submit_job import NotConfirmed

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.submit_job import Preview

T = TypeVar("T")


def confirm_with(
    action: Action, *, above: int, is_agreed: bool, is_interrupted: Callable[[], bool], is_quiet: bool = False
) -> Callable[[Preview], bool]:
    """Returns the confirmation of a submission: it shows the devices, unless quiet, and asks above the threshold."""

    def confirm(preview: Preview) -> bool:
        if not is_quiet:
            say_preview(action, preview)
        if is_agreed or preview.report.good <= above:
            return True
        return is_wanted(action, preview.report.good, above=above, is_interrupted=is_interrupted)

    return confirm


class Agreement:
    """Lets a change through for the number of devices that a person agreed to, and for no other."""

    def __init__(self, *, confirm_above: int, is_agreed: bool, is_interrupted: Callable[[], bool]) -> None:
        self._confirm_above, self._is_agreed, self._is_interrupted = confirm_above, is_agreed, is_interrupted
        self._agreed: tuple[Action, int] | None = None

    async def carry_out(self, change: Callable[[Confirm], Awaitable[T]]) -> T:
        """The result of the change; NotConfirmed where the person says no.

        The change is begun again after each question. So no transaction waits for an answer, and a number that
        changed in the meantime is asked about again.
        """
        while True:
            try:
                return await change(self._confirm)
            except _Unconfirmed as unconfirmed:
                action, count = unconfirmed.action, unconfirmed.count
            if self._agreed is not None:
                click.echo(f"The number of devices changed meanwhile: {self._agreed[1]:,} before.", err=True)
            above = asks_above(action, self._confirm_above)
            if not await asyncio.to_thread(is_wanted, action, count, above=above, is_interrupted=self._is_interrupted):
                raise NotConfirmed("Nothing was done.")
            self._agreed = (action, count)

    def _confirm(self, action: Action, count: int) -> None:
        is_asked_about = count > asks_above(action, self._confirm_above)
        if is_asked_about and not self._is_agreed and self._agreed != (action, count):
            raise _Unconfirmed(action, count)


class _Unconfirmed(Exception):
    """So many devices are asked about first."""

    def __init__(self, action: Action, count: int) -> None:
        super().__init__(f"{count} devices are not confirmed")
        self.action, self.count = action, count


def is_wanted(action: Action, count: int, *, above: int, is_interrupted: Callable[[], bool]) -> bool:
    """The answer to the question; RequestRejected without a terminal to answer it."""
    question = f"Ask {plural(count, 'device')} for {action}?"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestRejected(
            f"{question} There is no terminal to answer on: say --yes, which is wanted above {above:,} devices. "
            "Nothing was done."
        )
    return _answer(f"{question} {action.effect[0].upper()}{action.effect[1:]}. [y/N] ", is_interrupted)


def say_preview(action: Action, preview: Preview) -> None:
    """On stderr: what the list holds and how long it takes."""
    report = preview.report
    parts = [plural(report.good, "device")]
    if report.duplicates:
        parts.append(plural(report.duplicates, "duplicate"))
    if report.rejected:
        parts.append(f"{report.rejected:,} rejected")
    if report.left_out:
        parts.append(f"{report.left_out:,} of the report left out (--all takes them)")
    click.echo(f"{action}: {', '.join(parts)}; {_origin(preview)}.", err=True)
    for note in [*notes_of(preview), forecast_line(preview.forecast)]:
        if note is not None:
            click.echo(note, err=True)


def notes_of(preview: Preview) -> list[str]:
    """Sentences about rows that are not called, or are called although something speaks against it."""
    report = preview.report
    notes = [f"Ignored: {'; '.join(report.ignored)}."] if report.ignored else []
    # Left out already, they are among the rejected.
    if report.ineligible and report.rejected == report.bad:
        notes.append(
            f"{plural(report.ineligible, 'row')} of them cannot take a ConfigMgr action by what the list says of "
            "them; --only-eligible leaves those out."
        )
    if preview.unknown:
        are = "is" if preview.unknown == 1 else "are"
        notes.append(f"{plural(preview.unknown, 'id')} {are} not in the inventory and {are} called all the same.")
    return notes


def _origin(preview: Preview) -> str:
    """Where the ids come from: their column, or what they were matched by."""
    if not preview.report.matched:
        return f"ids from {', '.join(preview.id_columns)}"
    counts = ", ".join(f"{count:,} by {by}" for by, count in preview.report.matched.items())
    return f"matched {counts}"


def finish_line(done_at: datetime | None, now: datetime, *, calls_here: bool) -> str | None:
    """When a job will be done, on the reader's wall clock; None where no limit paces it.

    Unless this process calls by itself (`calls_here`), a worker may be missing.
    """
    if done_at is None:
        return None
    left = max((done_at - now).total_seconds(), 0.0)
    provided = "" if calls_here else ", if a worker is there"
    return f"It will be done in about {span(left)}, at {done_at.astimezone():%H:%M:%S}{provided}."


def _answer(question: str, is_interrupted: Callable[[], bool]) -> bool:
    """Wait for an answer on a thread of its own: nothing can wake a read, and Ctrl-C must not wait for it."""
    answers: list[str] = []
    click.echo(question, nl=False, err=True)

    def read() -> None:
        answers.append(sys.stdin.readline())

    reader = threading.Thread(target=read, name="question", daemon=True)
    reader.start()
    while reader.is_alive() and not is_interrupted():
        reader.join(0.1)
    return bool(answers) and answers[0].strip().casefold() in {"y", "yes"}
