"""How a job goes, on stderr: live where there is a terminal, a line every few seconds where there is none."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import click

from orchestrator.cli.terminal import console, filtered_stderr, say
from orchestrator.domain.hints import with_job_id
from orchestrator.domain.plain_text import shown
from orchestrator.domain.spans import span
from orchestrator.telemetry.logger import set_up_deferred_logs

if TYPE_CHECKING:
    from orchestrator.domain.job import Tally
    from orchestrator.usecases.jobs.describe_jobs import JobView

LOOK = 0.5
"""Seconds between two looks at a job."""

_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


SLOWER = "Calls end more slowly than the limit allows: Graph's answers, or this machine, take longer."

_JUDGED, _LEAST, _ENOUGH = 10.0, 3.0, 40
"""The last seconds by which a job is found slow, at least so many, and the devices that the forecast lets end in them.

A job begins with few calls, until Graph has answered the first.
"""


class Progress(Protocol):
    """Where the standing of a job is shown."""

    def show(self, view: JobView) -> None:
        """The job stands like this now."""
        ...

    def show_unseen(self, reason: str) -> None:
        """How the job stands cannot be seen, for this reason; what was shown last may be old."""
        ...


class Silence:
    """The progress display where none is wanted: every method returns at once."""

    def show(self, view: JobView) -> None:
        """Shows no progress."""

    def show_unseen(self, reason: str) -> None:
        """Returns without showing the reason."""


class Rate:
    """Devices settled per second over the last seconds; pure but for what it remembers."""

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, instant: float, settled: int) -> float | None:
        """The rate once so many are settled at this moment; None until two times are known."""
        self._seen.append((instant, settled))
        while len(self._seen) > 2 and instant - self._seen[0][0] > self._window:
            self._seen.popleft()
        since, before = self._seen[0]
        return (settled - before) / (instant - since) if instant > since else None


class Slowness:
    """Finds a job that goes more slowly than its lane allows while nothing holds it back; a pause starts it anew.

    The forecast knows the lane's pace alone. Slow answers and a busy machine show in the rate of late.
    """

    def __init__(self) -> None:
        self._rate, self._since = Rate(_JUDGED), math.inf

    def seconds_left(self, instant: float, tally: Tally, forecast: float | None, *, is_held: bool) -> float | None:
        """The time left at the rate of late, infinite where nothing ends; None while the forecast may hold."""
        if is_held or self._since == math.inf:
            self._rate, self._since = Rate(_JUDGED), instant
        rate, left = self._rate.after(instant, tally.settled), tally.waiting + tally.sending
        open_for = min(instant - self._since, _JUDGED)
        if rate is None or not forecast or open_for < _LEAST:
            return None
        # A few calls, or an envelope of 20, come in lumps.
        expected = left / forecast * open_for
        by_rate = left / rate if rate else math.inf
        return by_rate if expected >= _ENOUGH and by_rate > 1.5 * forecast + 1.0 else None

    def of(self, instant: float, view: JobView) -> float | None:
        """Returns the seconds left of this job at its measured rate; None while something holds it back."""
        cause = view.waiting_for
        is_held = view.status != "running" or not (cause is None or cause.kind == "adapted")
        return self.seconds_left(instant, view.tally, view.seconds_left, is_held=is_held)


class Reasons:
    """Which reasons are worth a line of their own; pure but for what it remembers.

    One of another kind is said at once, and one that only counts on (a share, a next try) every few seconds.
    """

    def __init__(self, every: float = 5.0) -> None:
        self._every = every
        self._kind, self._reason, self._said_at = "", "", -every

    def news(self, instant: float, kind: str, reason: str | None) -> str | None:
        """The reason to say at this moment; None where there is none, or where it was said."""
        if reason is None:
            self._kind, self._reason = "", ""
            return None
        is_due = kind != self._kind or instant - self._said_at >= self._every
        if reason == self._reason or not is_due:
            return None
        self._kind, self._reason, self._said_at = kind, reason, instant
        return reason


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


def pace(tally: Tally, rate: float | None, seconds_left: float | None) -> str:
    """How fast, and how long still: "9.9/s, 58 s left".

    The time left is the lane's forecast, so that a pause behind us does not stretch it. Only where nothing paces the
    lane it is what is left at the rate of late.
    """
    left = tally.waiting + tally.sending
    if not left:
        return ""
    if seconds_left is None and rate:
        seconds_left = left / rate
    speed = f"{rate:.1f}/s" if rate else ""
    time_left = "" if seconds_left is None or seconds_left == math.inf else f"{span(seconds_left)} left"
    return ", ".join(part for part in (speed, time_left) if part)


def pace_of(view: JobView, rate: float | None, slow: float | None = None) -> str:
    """Returns the pace of a job as text; without the time left while an outage makes it unknown.

    `slow` is the time left by `Slowness`, where that is longer than the forecast.
    """
    cause = view.waiting_for
    if cause is not None and cause.kind.has_no_forecast:
        return "waiting" if view.tally.waiting else ""
    return pace(view.tally, rate, view.seconds_left if slow is None else slow)


def waits_for(view: JobView) -> str | None:
    """Why a job that is under way calls nothing, or less than it might; why one came to rest is said at its end."""
    if view.status.is_at_rest:
        return None
    reason = view.job.reason if view.waiting_for is None else view.waiting_for.in_full
    return None if reason is None else with_job_id(reason, view.job.id)


@contextmanager
def open_progress(*, is_quiet: bool = False) -> Iterator[Progress]:
    """The progress that fits where stderr goes."""
    with open_progress_of([""], is_quiet=is_quiet) as shown:
        yield shown[""]


@contextmanager
def open_progress_of(names: Sequence[str], *, is_quiet: bool = False) -> Iterator[Mapping[str, Progress]]:
    """The progress of several jobs, below each other, each under its name."""
    if is_quiet:
        yield {name: Silence() for name in names}
        return
    if not sys.stderr.isatty():
        yield {name: _Lines(name) for name in names}
        return
    from rich.live import Live

    with (
        Live(console=console(sys.stderr), refresh_per_second=4, transient=True, redirect_stdout=False) as live,
        filtered_stderr(),
        _logs_above(),
    ):
        drawn: dict[str, Any] = {}
        yield {name: _Live(partial(_draw, live, drawn, name), name) for name in names}


def _draw(live: Any, drawn: dict[str, Any], name: str, part: Any) -> None:
    """Draws one job anew among the others."""
    from rich.console import Group

    drawn[name] = part
    live.update(Group(*drawn.values()))


class _Lines:
    """A line every few seconds, and one when the status changes; why nothing moves, whenever that changes."""

    def __init__(self, name: str) -> None:
        self._label = f"{name} " if name else ""
        self._rate = Rate(30.0)
        self._said_at = time.monotonic()
        self._status = ""
        self._reasons = Reasons()
        self._slowness = Slowness()

    def show_unseen(self, reason: str) -> None:
        """Say that it cannot be seen, once."""
        self._say_reason("unseen", reason)

    def show(self, view: JobView) -> None:
        """Say it if there is something to say."""
        now = time.monotonic()
        rate = self._rate.after(now, view.tally.settled)
        slow = self._slowness.of(now, view)
        kind = "slow" if view.waiting_for is None else view.waiting_for.kind.value
        self._say_reason(kind, waits_for(view) or (None if slow is None else SLOWER))
        if view.status == self._status and now - self._said_at < _EVERY:
            return
        self._said_at, self._status = now, view.status
        parts = (f"{view.status}: {standing(view.tally)}", pace_of(view, rate, slow))
        click.echo(self._label + "; ".join(part for part in parts if part), err=True)

    def _say_reason(self, kind: str, reason: str | None) -> None:
        if (line := self._reasons.news(time.monotonic(), kind, reason)) is not None:
            say(self._label + shown(line), err=True)


class _Live:
    """A bar with the counts below it."""

    def __init__(self, draw: Callable[[Any], None], name: str) -> None:
        self._draw, self._name = draw, name
        self._rate, self._slowness = Rate(), Slowness()
        self._shown: tuple[Any, ...] = ()

    def show(self, view: JobView) -> None:
        """Draws the progress of the job again in place."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = view.tally
        now = time.monotonic()
        rate, slow = self._rate.after(now, tally.settled), self._slowness.of(now, view)
        top = Table.grid(padding=(0, 1))
        share = tally.called / tally.total if tally.total else 0.0
        bar = ProgressBar(total=max(1, tally.total), completed=tally.called, width=40)
        top.add_row(
            Text(f"{self._name} {view.job.action}".strip(), style="bold"),
            bar,
            Text(f"{share:4.0%}"),
            Text(f"{tally.called:,} of {tally.total:,}"),
            Text(pace_of(view, rate, slow), style="dim"),
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
        reason = waits_for(view) or (None if slow is None else SLOWER)
        self._shown = (top, counts)
        self._draw(Group(top, counts, *([Text(shown(reason), style="yellow")] if reason else [])))

    def show_unseen(self, reason: str) -> None:
        """Draw what was shown last, with the reason below it."""
        from rich.console import Group
        from rich.text import Text

        self._draw(Group(*self._shown, Text(shown(reason), style="yellow")))


@contextmanager
def _logs_above() -> Iterator[None]:
    """Log lines are printed above the bar instead of through it: while it is drawn, stderr is rich's."""
    set_up_deferred_logs()
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    before = [(handler, handler.setStream(sys.stderr)) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)
