from __future__ import annotations

import click
import pytest

from orchestrator.cli.exits import code_of, code_of_job, explain
from orchestrator.cli.invocation import Format, Invocation
from orchestrator.domain.errors import (
    IllegalMove,
    IntakeFailed,
    NoWorkerRunning,
    PermissionMissing,
    SettingsInvalid,
    SignInRefused,
    SignInUnreachable,
    StoreUnavailable,
    TokenUnusable,
    UnknownJob,
)
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.line_problem import LineProblem


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (UnknownJob("x"), 2),
        (SettingsInvalid("x"), 2),
        (IllegalMove("finished", "paused"), 2),
        (IntakeFailed("x"), 2),
        (click.UsageError("x"), 2),
        (click.FileError("x"), 2),
        (SignInRefused("x"), 3),
        (TokenUnusable("x"), 2),
        (PermissionMissing("x"), 3),
        (StoreUnavailable("x"), 4),
        (SignInUnreachable("x"), 4),
        (NoWorkerRunning("x"), 4),
        (OSError(28, "No space left on device"), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.exceptions.Exit(3), 3),
        (SystemExit(2), 2),
        (BrokenPipeError(), 4),
        (ZeroDivisionError(), 70),
    ],
)
def test_each_problem_has_the_exit_code_of_its_branch(problem: BaseException, code: int) -> None:
    assert code_of(problem) == code


@pytest.mark.parametrize(
    ("status", "tally", "interrupted", "code"),
    [
        (JobStatus.FINISHED, Tally(accepted=3), False, 0),
        (JobStatus.FINISHED, Tally(accepted=3), True, 0),
        (JobStatus.FINISHED, Tally(accepted=3, failed=1), False, 1),
        (JobStatus.FINISHED, Tally(accepted=3, uncertain=1), False, 1),
        (JobStatus.STOPPED, Tally(waiting=3), False, 3),
        (JobStatus.CANCELLED, Tally(cancelled=3), False, 3),
        (JobStatus.CANCELLING, Tally(sending=3), False, 3),
        (JobStatus.PAUSED, Tally(waiting=3), False, 3),
        (JobStatus.PAUSED, Tally(waiting=3), True, 130),
        (JobStatus.PAUSING, Tally(sending=3), True, 130),
        (JobStatus.RUNNING, Tally(waiting=3), True, 130),
        (JobStatus.STOPPED, Tally(waiting=3), True, 3),
    ],
)
def test_a_job_that_was_seen_through_exits_by_how_it_stands(
    status: JobStatus,
    tally: Tally,
    interrupted: bool,  # noqa: FBT001 - a case of the table
    code: int,
) -> None:
    assert code_of_job(status, tally, interrupted=interrupted) == code


def test_a_problem_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = explain(StoreUnavailable("The database cannot be used."), Invocation())

    assert code == 4
    assert capsys.readouterr() == ("", "muster: The database cannot be used.\n")


def test_a_fault_of_ours_shows_no_traceback_and_says_how_to_see_one(capsys: pytest.CaptureFixture[str]) -> None:
    code = explain(ZeroDivisionError("division by zero"), Invocation())

    told = capsys.readouterr().err
    assert code == 70
    assert "ZeroDivisionError: division by zero" in told
    assert "muster --debug" in told
    assert "Traceback" not in told


def test_with_debug_the_traceback_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    explain(_raised(ZeroDivisionError("division by zero")), Invocation(debug=True))

    assert "Traceback" in capsys.readouterr().err


def test_the_first_twenty_bad_lines_are_named_on_screen(capsys: pytest.CaptureFixture[str]) -> None:
    explain(_bad_lines(25), Invocation())

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("  line ") == 20
    assert "and 5 more" in captured.err


def test_all_bad_lines_are_named_as_csv(capfd: pytest.CaptureFixture[str]) -> None:
    explain(_bad_lines(25), Invocation(output=Format.CSV))

    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "line,reason"
    assert lines[1] == '2,"is bad, and says so"'
    assert len(lines) == 26


def _bad_lines(count: int) -> IntakeFailed:
    return IntakeFailed("Bad.", tuple(LineProblem(line, "is bad, and says so") for line in range(2, count + 2)))


def _raised(problem: Exception) -> Exception:
    try:
        raise problem
    except type(problem) as caught:
        return caught
