"""The schema comes from the migrations alone, on both databases, whoever asks for it and however often."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, inspect, select, text

from orchestrator.domain.errors import SchemaTooNew, StoreUnavailable
from orchestrator.store.engine.engines import make_engine
from orchestrator.store.engine.indexes import complete_metadata
from orchestrator.store.engine.schema import HEAD, alembic_config, revision, upgrade
from orchestrator.store.rows.access import KeyRow
from orchestrator.store.rows.audit import AuditEntryRow
from orchestrator.store.rows.schedules import ScheduleRow
from orchestrator.throttle.gcra import LONGEST_REACH, PERMIT_LIFE
from tests.support.apps import an_app, submitted
from tests.support.command_line import CommandLine
from tests.support.databases import sqlite_url

pytestmark = pytest.mark.enable_socket


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, once of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
    else:
        yield request.getfixturevalue("empty_postgres_url")


async def tables_of(url: str) -> set[str]:
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    finally:
        await engine.dispose()


async def execute(url: str, statement: str) -> None:
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[object]:
    # SQLite numbers rows by itself and shows no default for it.
    compare = columns_that_number_rows_are_alike if connection.dialect.name == "sqlite" else True
    options = {"compare_type": True, "compare_server_default": compare}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), complete_metadata()))


def columns_that_number_rows_are_alike(_context: Any, _there: Any, ours: Column[Any], *_defaults: Any) -> bool | None:
    """False for no difference, None where Alembic may judge by itself."""
    return None if ours.identity is None else False


async def test_the_schema_goes_up_down_and_up_again(empty_url: str) -> None:
    await upgrade(empty_url)
    up = await tables_of(empty_url)
    await upgrade(empty_url, to="base")
    down = await tables_of(empty_url)
    await upgrade(empty_url)

    assert up == {*complete_metadata().tables, "alembic_version"}
    assert down == {"alembic_version"}
    assert await tables_of(empty_url) == up
    assert await revision(empty_url) == HEAD


async def test_the_mapped_classes_are_what_the_migrations_make(empty_url: str) -> None:
    await upgrade(empty_url)

    engine = make_engine(empty_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []


async def test_the_comparison_would_see_a_column_that_no_class_has(empty_url: str) -> None:
    await upgrade(empty_url)
    await execute(empty_url, "ALTER TABLE jobs ADD COLUMN stray INTEGER")

    engine = make_engine(empty_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert "stray" in str(found)


def test_the_release_knows_its_newest_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD


async def test_a_second_upgrade_has_nothing_to_do(empty_url: str) -> None:
    assert await upgrade(empty_url) is True
    assert await upgrade(empty_url) is False


async def test_a_current_file_is_found_so_while_another_process_writes(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "muster.db")
    await upgrade(url)

    with closing(sqlite3.connect(tmp_path / "muster.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert await upgrade(url) is False


async def test_a_database_that_is_ahead_is_refused_and_left_alone(empty_url: str) -> None:
    await upgrade(empty_url)
    await execute(empty_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaTooNew, match=r"has schema 9999.* knows " + HEAD):
        await upgrade(empty_url)

    assert await revision(empty_url) == "9999"


async def test_an_older_file_is_copied_beside_itself_before_it_is_upgraded(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "muster.db")
    await upgrade(url)
    await execute(
        url,
        "INSERT INTO workers (id, kind, version, started_at, seen_at) VALUES ('w', 'run', '0', '2026', '2026')",
    )
    await execute(url, "UPDATE alembic_version SET version_num = '0000'")

    with pytest.raises(Exception, match="0000"):
        # No script leads away from 0000, so the upgrade itself fails; by then the copy must have been made.
        await upgrade(url)

    with closing(sqlite3.connect(tmp_path / "muster.db.before-0000")) as copy:
        assert copy.execute("SELECT id FROM workers").fetchall() == [("w",)]


async def test_a_new_file_is_made_with_its_folder_and_needs_no_copy(tmp_path: Path) -> None:
    file = tmp_path / "some" / "where" / "muster.db"

    await upgrade(sqlite_url(file))

    assert [each.name for each in file.parent.iterdir() if "before" in each.name] == []
    assert await revision(sqlite_url(file)) == HEAD


async def test_a_file_that_is_no_database_is_an_outage_with_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    file.write_text("a shopping list " * 100)

    with pytest.raises(StoreUnavailable, match="not a database"):
        await upgrade(sqlite_url(file))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_four_processes_upgrade_one_database_at_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = sqlite_url(tmp_path / "shared.db") if kind == "sqlite" else request.getfixturevalue("empty_postgres_url")

    muster = [CommandLine(tmp_path / f"{number}", {"MUSTER_DATABASE_URL": url}) for number in range(4)]
    with ExitStack() as opened:
        for each in muster:
            each.folder.mkdir()
        started = [opened.enter_context(each.started("db", "upgrade")) for each in muster]
        ended = [each.end() for each in started]

    assert [each.code for each in ended] == [0] * 4, [each.err for each in ended]
    assert sorted("already" in each.err for each in ended) == [False] + [True] * 3


async def test_keys_without_an_end_get_one_and_creators_are_found_in_the_audit_log(empty_url: str) -> None:
    await upgrade(empty_url, to="0008")
    keys = "INSERT INTO keys (id, secret_hash, name, role, created_by, created_at, revoked_at) VALUES"
    await execute(empty_url, f"{keys} ('first', 'x', 'portal', 'admin', 'ada', '2026-01-01', NULL)")
    await execute(empty_url, f"{keys} ('second', 'x', 'tool', 'viewer', 'key:portal', '2026-01-01', '2026-02-01')")
    schedule = "INSERT INTO schedules (name, status, list_name, definition, created_by, created_at) VALUES"
    await execute(empty_url, f"{schedule} ('nightly', 'active', 'fleet', '{{}}', 'key:portal', '2026-01-01')")
    for what, subject in (("schedule.added", "nightly"), ("key.created", "second")):
        audit_entry = (
            "INSERT INTO deeds (at, who, origin, what, subject, facts) VALUES ('2026-01-01', 'key:portal', 'x'"
        )
        await execute(empty_url, f"""{audit_entry}, '{what}', '{subject}', '{{"name": "tool", "key": "first"}}')""")

    await upgrade(empty_url)

    engine = make_engine(empty_url)
    async with engine.connect() as connection:
        found = (await connection.execute(select(KeyRow.__table__).order_by(KeyRow.id))).all()
        creator = (await connection.execute(select(ScheduleRow.creator))).scalar_one()
        audit_entries = (
            await connection.execute(select(AuditEntryRow.what, AuditEntryRow.subject).order_by(AuditEntryRow.number))
        ).all()
    await engine.dispose()
    assert [(key.id, key.end_by_upgrade, key.creator) for key in found] == [
        ("first", True, None),
        ("second", False, "key first"),
    ]
    assert timedelta(days=89) < found[0].expires_at - datetime.now(UTC) < timedelta(days=91)
    assert found[1].expires_at is None
    assert creator == "key first"
    assert tuple(audit_entries[-1]) == ("key.end_given", "first")


async def test_workers_of_the_release_before_find_every_lane_paced_by_its_row(empty_postgres_url: str) -> None:
    """They read `keeper` with every intent, take a lane without a row to be kept by Redis, and may write "redis"."""
    url = empty_postgres_url
    await upgrade(url)
    async with an_app(url, "http://127.0.0.1:1") as app:
        await submitted(app, 3)
    while str(await revision(url)) >= "0024":
        await upgrade(url, to="-1")
    await execute(url, "DELETE FROM lanes")
    await execute(url, "INSERT INTO lanes (key, last_departure) VALUES ('global/busy/app', 0)")

    await upgrade(url)
    await execute(url, "UPDATE lanes SET keeper = 'redis'")
    await execute(url, "UPDATE jobs SET lane = 'global/moved/app'")

    ahead = "last_departure - extract(epoch FROM clock_timestamp())"
    engine = make_engine(url)
    async with engine.connect() as connection:
        found = await connection.execute(text(f"SELECT key, keeper, {ahead}, reach FROM lanes"))  # noqa: S608 - from the line above
        lanes = {key: (keeper, left, reach) for key, keeper, left, reach in found}
    await engine.dispose()
    assert {key: keeper for key, (keeper, *_) in lanes.items()} == {
        "global/busy/app": "row",
        "global/contoso/app": "row",
        "global/moved/app": "row",
    }
    # Permits of Redis are used up before the row grants any: as far ahead as anybody is granted, and their life.
    for key in ("global/busy/app", "global/contoso/app"):
        assert LONGEST_REACH + PERMIT_LIFE < float(lanes[key][1]) <= lanes[key][2]
