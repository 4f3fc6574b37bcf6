"""How a job goes, on stderr: live where there is a terminal, a line every few seconds where there is none."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from orchestrator.cli.terminal import console, filtered_stderr, say
from orchestrator.domain.plain_text import shown
from orchestrator.domain.spans import span

if TYPE_CHECKING:
    from orchestrator.domain.job import Tally
    from orchestrator.usecases.describe_jobs import JobView

LOOK = 0.5
"""Seconds between two looks at a job."""

_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Progress(Protocol):
    """Where the standing of a job is shown."""

    def show(self, view: JobView) -> None:
        """The job stands like this now."""
        ...


class Silence:
    """Shows nothing."""

    def show(self, view: JobView) -> None:
        """Nothing."""


class Rate:
    """Devices settled per second over the last seconds; pure but for what it remembers."""

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, moment: float, settled: int) -> float | None:
        """The rate once so many are settled at this moment; None until two moments are known."""
        self._seen.append((moment, settled))
        while len(self._seen) > 2 and moment - self._seen[0][0] > self._window:
            self._seen.popleft()
        since, before = self._seen[0]
        return (settled - before) / (moment - since) if moment > since else None


def standing(tally: Tally) -> str:
    """The counts that are not nothing: "981 accepted, 8 failed, 10 waiting"."""
    counts = (
        (tally.accepted, "accepted"),
        (tally.failed, "failed"),
        (tally.uncertain, "uncertain"),
        (tally.cancelled, "cancelled"),
        (tally.sending, "sending"),
        (tally.waiting, "waiting"),
    )
    return ", ".join(f"{count:,} {word}" for count, word in counts if count) or "nothing yet"


def pace(tally: Tally, rate: float | None) -> str:
    """How fast, and how long still: "9.9/s, 58 s left"."""
    left = tally.waiting + tally.sending
    if rate is None or not left:
        return ""
    return f"{rate:.1f}/s, {span(left / rate)} left" if rate > 0 else "waiting"


def waits_for(view: JobView) -> str | None:
    """Why a job that runs calls nothing; why one came to rest is said at its end."""
    return None if view.status.is_at_rest else view.job.reason


@contextmanager
def open_progress(*, is_quiet: bool = False) -> Iterator[Progress]:
    """The progress that fits where stderr goes."""
    if is_quiet:
        yield Silence()
        return
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.live import Live

    with (
        Live(console=console(sys.stderr), refresh_per_second=4, transient=True, redirect_stdout=False) as live,
        filtered_stderr(),
        _logs_above(),
    ):
        yield _Live(live)


class _Lines:
    """A line every few seconds, and one when the status changes; why nothing moves, whenever that changes."""

    def __init__(self) -> None:
        self._rate = Rate(30.0)
        self._said_at = time.monotonic()
        self._status = ""
        self._reason: str | None = None

    def show(self, view: JobView) -> None:
        """Say it if there is something to say."""
        now = time.monotonic()
        rate = self._rate.after(now, view.tally.settled)
        if (reason := waits_for(view)) != self._reason:
            self._reason = reason
            if reason is not None:
                say(shown(reason), err=True)
        if view.status == self._status and now - self._said_at < _EVERY:
            return
        self._said_at, self._status = now, view.status
        parts = (f"{view.status}: {standing(view.tally)}", pace(view.tally, rate))
        click.echo("; ".join(part for part in parts if part), err=True)


class _Live:
    """A bar with the counts below it."""

    def __init__(self, live: Any) -> None:
        self._live = live
        self._rate = Rate()

    def show(self, view: JobView) -> None:
        """Draw it anew."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = view.tally
        rate = self._rate.after(time.monotonic(), tally.settled)
        top = Table.grid(padding=(0, 1))
        share = tally.settled / tally.total if tally.total else 0.0
        bar = ProgressBar(total=max(1, tally.total), completed=tally.settled, width=40)
        top.add_row(
            Text(view.job.action.value, style="bold"),
            bar,
            Text(f"{share:4.0%}"),
            Text(f"{tally.settled:,} of {tally.total:,}"),
            Text(pace(tally, rate), style="dim"),
        )
        counts = Text.assemble(
            (f"{tally.accepted:,} accepted", "green"),
            "  ",
            (f"{tally.failed:,} failed", "red" if tally.failed else "dim"),
            "  ",
            (f"{tally.uncertain:,} uncertain", "yellow" if tally.uncertain else "dim"),
            "  ",
            (f"{tally.sending:,} sending  {tally.waiting:,} waiting", "dim"),
        )
        if view.status not in {"running", "finished"}:
            counts.append(f"  {view.status}", style="yellow")
        reason = waits_for(view)
        self._live.update(Group(top, counts, *([Text(shown(reason), style="yellow")] if reason else [])))


@contextmanager
def _logs_above() -> Iterator[None]:
    """Log lines are printed above the bar instead of through it: while it is drawn, stderr is rich's."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    before = [(handler, handler.setStream(sys.stderr)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)
