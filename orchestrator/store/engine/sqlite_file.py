"""The SQLite file on disk: made with its folder and its copies for its owner alone."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.domain.errors import StoreUnavailable

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file, with the permissions of the file."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(file: Path) -> None:
    """Make the file and its folder where they are missing, and take the rights of others away from the file.

    Folders that are there already stay as they are: they are not Muster's. On Windows new files inherit the rights of
    the profile, which are its owner's. StoreUnavailable where a folder cannot be made.
    """
    path = file.resolve()
    try:
        _make_folder(path.parent)
    except OSError as problem:
        raise StoreUnavailable(f"The folder {file.parent} cannot be made: {problem.strerror}.") from problem
    # Where it may not be made, SQLite says so in its own words once it opens it.
    with suppress(OSError):
        _make_file(path)
    for each in (path, *(path.with_name(path.name + end) for end in _BESIDE), *_copies_of(path)):
        with suppress(OSError):
            _tighten(each)


def copy_beside(file: Path, revision: str) -> None:
    """Copy the database to `FILE.before-REVISION`, also what stands only in its write-ahead log."""
    copy = Path(f"{file}.before-{revision}")
    _make_file(copy)
    _tighten(copy)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def stored_revision(file: Path) -> str | None:
    """The schema revision that a file says it has; None where it cannot be read, for any cause."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(file, timeout=0)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
    return None


def last_copy_at(file: Path) -> datetime | None:
    """When the newest copy was made that stands beside the database; None where there is none."""
    times = [each.stat().st_mtime for each in _copies_of(file.resolve())]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _make_folder(folder: Path) -> None:
    # Path.mkdir gives its mode to the last folder only.
    for each in [*reversed(folder.parents), folder]:
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def _make_file(path: Path) -> None:
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _tighten(path: Path) -> None:
    if os.name == "nt":
        return
    there = path.stat()
    if there.st_uid == os.geteuid() and stat.S_ISREG(there.st_mode) and there.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(there.st_mode) & ~_OTHERS)


def _copies_of(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each.name.startswith(f"{path.name}.before-")]
