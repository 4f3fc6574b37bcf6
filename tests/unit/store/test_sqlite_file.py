from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.domain.errors import StoreUnavailable
from orchestrator.store.engine.sqlite_file import copy_beside, make_private

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps to the rights of the profile")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_the_folders_that_are_made_for_it_are_their_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "share" / "muster" / "muster.db"

    make_private(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE kept (number)")
        beside = {each.name: mode(each) for each in file.parent.iterdir()}

    assert beside == {"muster.db": 0o600, "muster.db-wal": 0o600, "muster.db-shm": 0o600}
    assert mode(file.parent) == mode(file.parent.parent) == 0o700
    assert mode(tmp_path) == 0o755


def test_a_file_of_an_older_release_and_its_copies_are_taken_away_from_others(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    names = ("muster.db", "muster.db-wal", "muster.db-shm", "muster.db.before-0003")
    for name in (*names, "somebody-elses.db"):
        (tmp_path / name).touch(0o644)

    make_private(file)

    assert [mode(tmp_path / name) for name in names] == [0o600] * 4
    assert mode(tmp_path / "somebody-elses.db") == 0o644


def test_a_copy_is_its_owners_alone_and_holds_what_only_the_log_has(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    make_private(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE kept (number)")
        database.execute("INSERT INTO kept VALUES (7)")
        database.commit()
        copy_beside(file, "0003")

    copy = tmp_path / "muster.db.before-0003"
    assert mode(copy) == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match="cannot be made"):
        make_private(tmp_path / "file" / "muster.db")
