from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import click
import pytest

from orchestrator.cli import exits, main, terminal
from orchestrator.cli.invocation import Format
from orchestrator.cli.output import show_rows, stream_rows, write
from orchestrator.cli.terminal import Filtered, PipeSafe, Styled, is_closed_pipe, say

HOSTILE = "evil\x1b]0;title\x07\x1b[2J\x9b\u202egpj.exe"


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"
    errors = "strict"

    def isatty(self) -> bool:
        return True


@contextmanager
def streams(out: TextIO, err: TextIO) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.delenv("NO_COLOR", raising=False)
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "80")
        yield


@contextmanager
def left_pipe() -> Iterator[TextIO]:
    """A stream whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8", buffering=1)
    yield stream
    stream.close()


@pytest.mark.parametrize(
    ("problem", "on_windows", "is_closed"),
    [
        (BrokenPipeError(errno.EPIPE, ""), False, True),
        (ConnectionResetError(errno.ECONNRESET, ""), False, True),
        (OSError(errno.EINVAL, ""), True, True),
        (OSError(errno.EINVAL, ""), False, False),
        (OSError(errno.ENOSPC, ""), True, False),
    ],
)
def test_a_closed_pipe_is_told_from_a_full_disk(problem: OSError, *, on_windows: bool, is_closed: bool) -> None:
    assert is_closed_pipe(problem, on_windows=on_windows) is is_closed


def test_what_is_written_after_the_reader_left_is_discarded() -> None:
    with left_pipe() as pipe:
        stream = PipeSafe(pipe)

        stream.write("first\n")
        stream.write("second\n")
        stream.write_bytes(b"third")
        stream.flush()

        assert not stream.has_reader
        pipe.write("the descriptor leads nowhere now\n")


def test_a_full_disk_is_told_on_standard_output_and_nowhere_on_standard_error() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        PipeSafe(Full()).flush()
    PipeSafe(Full(), never_fails=True).flush()


@pytest.mark.parametrize("output", [*Format])
def test_a_command_ends_as_it_would_though_nobody_reads_it(output: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(code: int) -> Callable[..., int]:
        def command(*_: object, **__: object) -> int:
            show_rows([{"id": "a", "note": "b"}], output)
            click.echo("chatter", err=True)
            say(Styled("summary", fg="green"))
            return code

        return command

    with left_pipe() as out, left_pipe() as err:
        for code in (exits.DONE, exits.SOME_FAILED, exits.STOPPED):
            monkeypatch.setattr(main.muster, "main", ended(code))
            with streams(out, err):
                assert main.run([]) == code


def test_a_problem_keeps_its_exit_code_though_nobody_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with left_pipe() as out, left_pipe() as err, streams(out, err):
        assert main.run(["job", "list", "--limit", "none"]) == exits.REJECTED

    def broken(*_: object, **__: object) -> int:
        # Of a socket, to a database say: no closed output.
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(main.muster, "main", broken)
    with streams(Screen(), Screen()):
        assert main.run([]) == exits.UNAVAILABLE


def test_a_command_that_was_started_without_its_streams_still_ends_as_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    assert main.run(["--help"]) == exits.DONE
    assert sys.stdout is None


def test_a_long_list_is_not_fetched_for_nobody() -> None:
    with left_pipe() as pipe, streams(pipe, Screen()), terminal.guarded_streams():
        assert terminal.has_reader()
        with stream_rows(Format.CSV) as add:
            add([{"id": "a"}])
        assert not terminal.has_reader()


@pytest.mark.parametrize("output", [*Format])
def test_no_control_character_reaches_a_terminal(output: Format) -> None:
    out, err = Screen(), Screen()
    with streams(out, err), terminal.guarded_streams():
        if output is Format.TABLE:
            show_rows([{"id": "a", "reason": HOSTILE, "status": HOSTILE}], output)
            say(f"  {HOSTILE}")
            say(Styled(HOSTILE, bold=True), err=True)
        else:
            write(f'"{HOSTILE}"\r\n')
        click.echo(f"why: {HOSTILE}", err=True)
        sys.stderr.write(f"{HOSTILE}\n")
        print(HOSTILE)  # noqa: T201 - a library may

    told = out.getvalue() + err.getvalue()
    assert told.count("gpj.exe") >= 4
    for ours in ("\x1b[0m", "\x1b[1m"):
        told = told.replace(ours, "")
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(told)


def test_a_program_gets_csv_as_it_is_and_json_escaped(capfd: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": HOSTILE}], Format.CSV)
    show_rows([{"name": HOSTILE}], Format.JSON)

    told = capfd.readouterr().out
    assert told.startswith(f"name\n{HOSTILE}\n")
    assert "\\u001b[2J\\u009b\\u202e" in told


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_there_is_no_escape_sequence_at_all(variables: dict[str, str]) -> None:
    out, err = Screen(), Screen()
    with streams(out, err), pytest.MonkeyPatch.context() as patch, terminal.guarded_streams():
        for name, value in variables.items():
            patch.setenv(name, value)
        show_rows([{"id": "a", "note": "b"}], Format.TABLE)
        say(Styled("c", fg="red", bold=True), " ", Styled("d", dim=True), err=True)

    assert out.getvalue().split() == ["id", "note", "a", "b"]
    assert err.getvalue() == "c d\n"


@pytest.mark.parametrize("width", ["60", "80", "132"])
def test_ids_and_statuses_are_whole_on_a_narrow_terminal(width: str) -> None:
    row = {"id": "0198c0de-0000-7000-8000-00000000000a", "status": "finished with failures", "action": "fullScan" * 3}
    out = Screen()
    with streams(out, Screen()), pytest.MonkeyPatch.context() as patch, terminal.guarded_streams():
        patch.setenv("COLUMNS", width)
        show_rows([{**row, "note": "long" * 30}], Format.TABLE)

    line = out.getvalue().splitlines()[1]
    assert row["id"] in line
    assert row["status"] in line
    assert ("fullScan" in line) == (width == "132")


def test_symbols_are_shown_above_a_bar_that_rich_draws() -> None:
    out = Screen()
    with streams(Screen(), out), terminal.filtered_stderr():
        assert isinstance(sys.stderr, Filtered)
        sys.stderr.write("a\x1b[2Jb\n")

    assert out.getvalue() == "a\u241b[2Jb\n"
