"""The exit code of each problem, and its one clear line."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, assert_never

import click

from orchestrator.cli.invocation import Format, Invocation
from orchestrator.domain.errors import (
    CannotContinue,
    IntakeFailed,
    RequestRejected,
    StoreUnavailable,
    TokenUnusable,
    TryLater,
)
from orchestrator.domain.job import JobStatus, Tally

if TYPE_CHECKING:
    from orchestrator.domain.line_problem import LineProblem

DONE = 0
SOME_FAILED = 1
REJECTED = 2
STOPPED = 3
UNAVAILABLE = 4
TIME_IS_OVER = 5
BROKEN = 70
"""A fault of ours; sysexits.h calls it EX_SOFTWARE. 1 would say that a job finished."""
INTERRUPTED = 130

MOST_LINES = 20
"""Bad lines named on screen."""


def code_of(problem: BaseException) -> int:
    """The exit code of a problem."""
    match problem:
        case click.exceptions.Exit():
            return problem.exit_code
        case SystemExit():
            return problem.code if isinstance(problem.code, int) else DONE
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case RequestRejected() | TokenUnusable() | click.ClickException():
            return REJECTED
        case CannotContinue():
            return STOPPED
        case TryLater() | OSError():
            return UNAVAILABLE
    return BROKEN


def code_of_job(status: JobStatus, tally: Tally, *, interrupted: bool) -> int:
    """The exit code of a command that saw a job through, or was interrupted while it did."""
    match status:
        case JobStatus.FINISHED:
            return SOME_FAILED if tally.failed or tally.uncertain else DONE
        case JobStatus.STOPPED | JobStatus.CANCELLED | JobStatus.CANCELLING:
            return STOPPED
        case JobStatus.RECEIVING | JobStatus.QUEUED | JobStatus.RUNNING | JobStatus.PAUSING | JobStatus.PAUSED:
            return INTERRUPTED if interrupted else STOPPED
        case _:
            assert_never(status)


def explain(problem: BaseException, invocation: Invocation) -> int:
    """Say what is wrong on stderr, data about it on stdout; the exit code."""
    code = code_of(problem)
    if isinstance(problem, click.exceptions.Exit | SystemExit):
        return code
    if invocation.debug:
        traceback.print_exception(problem)
    if isinstance(problem, click.UsageError):
        problem.show()
    elif code == INTERRUPTED:
        click.echo("muster: interrupted.", err=True)
    else:
        click.echo(f"muster: {_sentence(problem, code, debug=invocation.debug)}", err=True)
    if isinstance(problem, IntakeFailed) and problem.problems:
        _name_lines(problem, invocation.output)
    return code


def name_lines(problems: tuple[LineProblem, ...]) -> None:
    """The first bad lines on stderr, and where the others are."""
    for each in problems[:MOST_LINES]:
        click.echo(f"  line {each.line:,}: {each.reason}", err=True)
    if len(problems) > MOST_LINES:
        click.echo(f"  … and {len(problems) - MOST_LINES:,} more; `-o csv` names them all.", err=True)


def _name_lines(failed: IntakeFailed, output: Format) -> None:
    name_lines(failed.problems)
    if output is not Format.TABLE:
        from orchestrator.cli.output import show_rows
        from orchestrator.views.previews import bad_rows, problem_objects

        is_json = output is Format.JSON
        show_rows(problem_objects(failed.problems) if is_json else bad_rows(failed.problems, failed.columns), output)


def _sentence(problem: BaseException, code: int, *, debug: bool) -> str:
    if isinstance(problem, click.ClickException):
        return problem.format_message()
    if isinstance(problem, OSError) and not isinstance(problem, TryLater):
        return f"{problem.filename or 'the system'}: {problem.strerror or problem}"
    if code == BROKEN:
        more = "" if debug else " Run it again as `muster --debug …` and report what it shows."
        return f"this is a fault of Muster: {type(problem).__name__}: {problem}.{more}"
    if isinstance(problem, StoreUnavailable) and problem.place is not None:
        return f"{problem} It is {problem.place}."
    return str(problem)
