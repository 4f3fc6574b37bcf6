"""Standard output and standard error: closed pipes, control characters and colour are decided here, and only here.

While a command runs, `sys.stdout` and `sys.stderr` show control characters as symbols, for every writer: `click.echo`,
a log, a traceback. What Muster styles itself (`say`, rich) bypasses that through `unfiltered`, with its data made safe
piece by piece.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from orchestrator.domain.plain_text import shown, shown_lines

if TYPE_CHECKING:
    from rich.console import Console


def is_closed_pipe(problem: OSError, *, on_windows: bool = os.name == "nt") -> bool:
    """Whether the error means that the stream has no reader any more; Windows reports that as EINVAL."""
    if isinstance(problem, BrokenPipeError | ConnectionResetError):
        return True
    return on_windows and problem.errno == errno.EINVAL


class PipeSafe(io.TextIOBase):
    """A text stream whose reader may leave: from then on everything written to it is discarded, without an error.

    With `never_fails` no error of the stream is raised at all: an error about standard error could be told nowhere.
    """

    def __init__(self, stream: TextIO, *, never_fails: bool = False) -> None:
        self._stream, self._never_fails = stream, never_fails
        self.has_reader = True

    def write(self, text: str, /) -> int:
        """Write the text, or discard it."""
        if not isinstance(text, str):
            # click asks in this way whether a stream takes bytes.
            raise TypeError(f"text is needed, not {type(text).__name__}")
        if text:
            with self._surviving():
                self._stream.write(text)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Write the bytes as they are, past the encoding of the stream."""
        with self._surviving():
            self._stream.flush()
            self._stream.buffer.write(data)
            self._stream.buffer.flush()

    def flush(self) -> None:
        """Pass on what is buffered, or discard it."""
        with self._surviving():
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """True: the stream is for output only."""
        return True

    def __getattr__(self, name: str) -> Any:
        # `buffer` is held back: click would write through it, past everything that is decided here.
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override] # io declares an attribute
        """The encoding of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override] # likewise
        """How the stream below treats characters that it cannot encode."""
        return self._stream.errors

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            self._discard_from_now_on()
            if not (self._never_fails or is_closed_pipe(problem)):
                raise

    def _discard_from_now_on(self) -> None:
        # Python flushes its own streams when it exits, and ends with code 120 where that fails.
        self.has_reader = False
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class Filtered(PipeSafe):
    """A stream on which control characters are shown as symbols; `unfiltered` is the same stream without that."""

    def __init__(self, stream: TextIO, *, never_fails: bool = False) -> None:
        self.unfiltered = PipeSafe(stream, never_fails=never_fails)
        super().__init__(cast("TextIO", self.unfiltered))

    def write(self, text: str, /) -> int:
        """Write the text with symbols for control characters; line breaks and tabs stay."""
        self.unfiltered.write(shown_lines(text.replace("\r\n", "\n")))
        return len(text)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Within the block the standard streams exist, survive a closed pipe, and show control characters as symbols."""
    _open_missing_descriptors()
    before = sys.stdin, sys.stdout, sys.stderr
    _speak_utf8(sys.stdout, sys.stderr)
    with ExitStack() as opened:
        sys.stdin = _there(sys.stdin, "r", opened)
        sys.stdout = cast("TextIO", Filtered(_there(sys.stdout, "w", opened)))
        sys.stderr = cast("TextIO", Filtered(_there(sys.stderr, "w", opened), never_fails=True))
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def filtered_stderr() -> Iterator[None]:
    """Within the block `sys.stderr`, which rich has replaced by a stream of its own, shows symbols again."""
    before = sys.stderr
    sys.stderr = cast("TextIO", Filtered(before, never_fails=True))
    try:
        yield
    finally:
        sys.stderr = before


def unfiltered(stream: TextIO) -> TextIO:
    """The stream for text that holds escape sequences of our own, and nothing unsafe beside them."""
    return cast("TextIO", stream.unfiltered) if isinstance(stream, Filtered) else stream


def has_reader() -> bool:
    """Whether standard output still has a reader: without one a long list need not be fetched."""
    stream = unfiltered(sys.stdout)
    return stream.has_reader if isinstance(stream, PipeSafe) else True


def write_data(data: bytes) -> None:
    """Bytes to standard output as they are."""
    stream = unfiltered(sys.stdout)
    if isinstance(stream, PipeSafe):
        stream.write_bytes(data)
    else:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of text with a style, which is left out where there is no colour."""

    text: str
    fg: str | None = None
    bold: bool = False
    dim: bool = False


def say(*pieces: str | Styled, err: bool = False) -> None:
    """One line of pieces; control characters in any of them are shown as symbols."""
    stream = sys.stderr if err else sys.stdout
    in_colour = has_colour(stream)
    click.echo("".join(_piece(each, in_colour=in_colour) for each in pieces), file=unfiltered(stream), color=in_colour)


def has_colour(stream: TextIO) -> bool:
    """Whether styles are written to it: a terminal that can, without NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console(stream: TextIO, *, width: int | None = None) -> Console:
    """A rich console on a standard stream; text that comes from elsewhere is put on it as `Text(shown(…))`."""
    from rich.console import Console

    return Console(
        file=unfiltered(stream),
        highlight=False,
        width=width,
        # None and not `no_color`: that would leave bold and dim, which are escape sequences too.
        color_system="auto" if has_colour(stream) else None,
    )


def _piece(piece: str | Styled, *, in_colour: bool) -> str:
    if isinstance(piece, str):
        return shown_lines(piece)
    text = shown(piece.text)
    if not in_colour:
        return text
    return click.style(text, fg=piece.fg, bold=piece.bold or None, dim=piece.dim or None)


def _there(stream: TextIO | None, mode: str, opened: ExitStack) -> TextIO:
    """The stream, or one that leads nowhere: Python has None for a stream that was closed before it started."""
    if stream is not None:
        return stream
    return cast("TextIO", opened.enter_context(Path(os.devnull).open(mode, encoding="utf-8")))


def _speak_utf8(*streams: TextIO | None) -> None:
    # Redirected output on Windows would be in a code page that knows few names; a terminal takes what it can.
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", encoding=None if stream.isatty() else "utf-8")


def _open_missing_descriptors() -> None:
    # Started with `>&-`, the next file that is opened gets descriptor 1, and what is printed would land in it.
    if os.name == "nt":
        return
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
