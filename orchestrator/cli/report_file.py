"""The report as a file: whole or not at all, for its owner only; devices and pipes are written into."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from orchestrator.cli.invocation import Format
from orchestrator.cli.terminal import has_reader, is_closed_pipe, write_data
from orchestrator.domain.errors import RequestRejected, TryLater

STANDARD_OUTPUT = Path("-")
"""Where a report goes that is piped on; what is said about the job goes to standard error then."""

_READER_WAITED_FOR = 60.0
"""Seconds that a named pipe may be without a reader before the report is given up."""

_SECOND_NAMES = 99


def refuse_unwritable(path: Path, *, never: Path | None = None) -> None:
    """RequestRejected where no report could be written, said before any device is called; `never` is the input."""
    if path == STANDARD_OUTPUT:
        return
    kind = _kind(path)
    if kind is not None and stat.S_ISSOCK(kind):
        raise RequestRejected(f"{path.absolute()} is a socket. Name another file with --report.")
    if _is_written_into(kind):
        if not os.access(path, os.W_OK):
            raise RequestRejected(f"{path.absolute()} may not be written to. Name another file with --report.")
        return
    target = _target(path)
    folder = target.parent
    if not folder.is_dir():
        raise RequestRejected(
            f"The folder {folder} for the report does not exist. Make it, or name another (--report)."
        )
    is_writable = os.access(folder, os.W_OK) or (kind is not None and os.access(path, os.W_OK))
    if path.is_dir() or not is_writable:
        raise RequestRejected(f"The report cannot be written to {path.absolute()}. Name another file with --report.")
    if never is not None and path.exists() and never.exists() and path.samefile(never):
        raise RequestRejected("The report would replace the device list itself. Name another file with --report.")


async def write_report(pieces: AsyncIterator[str], path: Path, *, job: str) -> Path:
    """Write the report, and return where it is: under another name in the same folder if `path` is held open.

    A device or a pipe is opened and written into. A regular file, or the one that a link leads to, is replaced by a
    whole new one in a single step. TryLater where it cannot be written.
    """
    try:
        if path == STANDARD_OUTPUT:
            return await _pour(pieces)
        if _is_written_into(_kind(path)):
            return await _write_into(pieces, path)
        return await _replace(pieces, path)
    except OSError as problem:
        raise TryLater(
            f"The report could not be written to {os.fspath(path)}: {problem.strerror or problem}. Nothing is lost: "
            f"`muster job report {job} --report PATH` writes it whenever there is room."
        ) from problem


def refuse_both(report: Path | None, output: Format) -> None:
    """RequestRejected where a report and a job object would be mixed on standard output."""
    if report == STANDARD_OUTPUT and output is not Format.TABLE:
        raise RequestRejected(f"`--report -` and `-o {output.value}` both write to standard output. Leave one out.")


async def _pour(pieces: AsyncIterator[str]) -> Path:
    async for piece in pieces:
        write_data(piece.encode())
        if not has_reader():
            break
    return STANDARD_OUTPUT


async def _replace(pieces: AsyncIterator[str], path: Path) -> Path:
    target = _target(path)
    try:
        part, file = _new_file_in(target.parent)
    except PermissionError:
        # A file that the user may write, in a folder that they may not: a mounted file in a container.
        if not target.is_file():
            raise
        return await _write_into(pieces, path)
    try:
        with file:
            async for piece in pieces:
                file.write(piece.encode())
            file.flush()
            os.fsync(file.fileno())
        return _moved(part, target, path)
    finally:
        part.unlink(missing_ok=True)


def _moved(part: Path, target: Path, path: Path) -> Path:
    try:
        part.replace(target)
    except PermissionError:
        # Windows refuses to replace a file that Excel holds open.
        if not target.is_file():
            raise
        return _moved_beside(part, target)
    except OSError as problem:
        # A single file that is mounted into a container can be written and not replaced.
        if problem.errno != errno.EBUSY:
            raise
        shutil.copyfile(part, target)
    return path


def _moved_beside(part: Path, target: Path) -> Path:
    for number in range(2, _SECOND_NAMES + 1):
        second = target.with_name(f"{target.stem} ({number}){target.suffix}")
        if not second.exists():
            part.rename(second)
            return second
    raise PermissionError(errno.EACCES, "another program holds it open", os.fspath(target))


async def _write_into(pieces: AsyncIterator[str], path: Path) -> Path:
    try:
        with await _opened(path) as file:
            async for piece in pieces:
                file.write(piece.encode())
                file.flush()
    except OSError as problem:
        if not is_closed_pipe(problem):
            raise
    return path


async def _opened(path: Path) -> BinaryIO:
    """The file as it is, emptied; a named pipe is waited for until it has a reader."""
    flags = os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
    give_up_at = time.monotonic() + _READER_WAITED_FOR
    while True:
        try:
            # Without O_NONBLOCK the opening of a pipe would hold up the whole process until a reader comes.
            descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
        except OSError as problem:
            if problem.errno != errno.ENXIO or time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.1)
        else:
            if hasattr(os, "O_NONBLOCK"):
                os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "wb")


def _new_file_in(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file of a random name, which holds no link of another user, for its owner only."""
    path = folder / f".muster-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return path, os.fdopen(os.open(path, flags, 0o600), "wb")


def _target(path: Path) -> Path:
    """The file itself, where the path is a link."""
    return path.resolve() if path.is_symlink() else path.absolute()


def _kind(path: Path) -> int | None:
    """The mode of what the path leads to; None where nothing is there."""
    try:
        return path.stat().st_mode
    except OSError:
        return None


def _is_written_into(kind: int | None) -> bool:
    return kind is not None and (stat.S_ISCHR(kind) or stat.S_ISBLK(kind) or stat.S_ISFIFO(kind))
