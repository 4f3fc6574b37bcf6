"""The one question there is: may so many devices be called?"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from orchestrator.domain.action import Action
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.forecast_words import forecast_line
from orchestrator.domain.spans import span

if TYPE_CHECKING:
    from orchestrator.usecases.submit_job import Preview


def confirm_with(
    action: Action, *, above: int, is_agreed: bool, is_interrupted: Callable[[], bool]
) -> Callable[[Preview], bool]:
    """What a submission asks once everything is read: shows what will be called, and waits for yes where it must."""

    def confirm(preview: Preview) -> bool:
        say_preview(action, preview)
        if is_agreed or preview.good <= above:
            return True
        question = f"Ask {plural(preview.good, 'device')} for {action}?"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise RequestRejected(
                f"{question} There is no terminal to answer on: say --yes, which is wanted above {above:,} devices. "
                "Nothing was submitted."
            )
        return _answer(f"{question} {action.effect[0].upper()}{action.effect[1:]}. [y/N] ", is_interrupted)

    return confirm


def say_preview(action: Action, preview: Preview) -> None:
    """On stderr: what the list holds and how long it takes."""
    parts = [plural(preview.good, "device")]
    if preview.duplicates:
        parts.append(plural(preview.duplicates, "duplicate"))
    if preview.rejected:
        parts.append(f"{preview.rejected:,} rejected")
    if preview.left_out:
        parts.append(f"{preview.left_out:,} of the report need no other try")
    click.echo(f"{action}: {', '.join(parts)}; ids from {', '.join(preview.id_columns)}.", err=True)
    # Left out already, they are among the rejected.
    if preview.ineligible and preview.rejected == preview.bad:
        click.echo(
            f"{plural(preview.ineligible, 'row')} of them cannot take a ConfigMgr action by what the list says of "
            "them; --only-eligible leaves those out.",
            err=True,
        )
    if (line := forecast_line(preview.forecast)) is not None:
        click.echo(line, err=True)


def finish_line(done_at: datetime | None, now: datetime) -> str | None:
    """When a job will be done, on the wall clock of whoever reads it; None where nothing paces it."""
    if done_at is None:
        return None
    left = max((done_at - now).total_seconds(), 0.0)
    return f"It will be done in about {span(left)}, at {done_at.astimezone():%H:%M:%S}, if a worker is there."


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
