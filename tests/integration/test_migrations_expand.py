"""Expand, then contract: what a migration changes, workers of the release before it must survive while they still run.

A migration that takes something away says in `contracts` which revision stopped using it; that one must have been
released before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import Script, ScriptDirectory

from orchestrator.store.engine.engines import make_engine
from orchestrator.store.engine.schema import alembic_config, upgrade
from tests.support.databases import sqlite_url

pytestmark = pytest.mark.enable_socket

Shape = dict[str, dict[str, dict[str, Any]]]


def scripts() -> list[Script]:
    """All migrations but the first, the oldest before the others."""
    return [*ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1][1:]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
    else:
        yield request.getfixturevalue("empty_postgres_url")


def shape_of(connection: sa.Connection) -> tuple[Shape, dict[str, set[str]]]:
    inspector = sa.inspect(connection)
    # One question for all tables, where the database can answer it: asking for each of them takes three times as long.
    columns: Shape = {
        str(table): {str(column["name"]): dict(column) for column in of_table}
        for (_, table), of_table in inspector.get_multi_columns().items()
    }
    rules: dict[str, set[str]] = {table: set() for table in columns}
    for (_, table), checks in inspector.get_multi_check_constraints().items():
        rules[str(table)] |= {f"check {each['name']}: {each['sqltext']}" for each in checks}
    for (_, table), constraints in inspector.get_multi_unique_constraints().items():
        rules[str(table)] |= {f"unique {sorted(map(str, each['column_names']))}" for each in constraints}
    for (_, table), indexes in inspector.get_multi_indexes().items():
        rules[str(table)] |= {f"unique {each['column_names']}" for each in indexes if each["unique"]}
    return columns, rules


def unfit_for_the_release_before(
    before: tuple[Shape, dict[str, set[str]]], after: tuple[Shape, dict[str, set[str]]]
) -> list[str]:
    """What workers that know only the schema before would stumble over."""
    columns, rules = before
    columns_after, rules_after = after
    unfit = [f"table {table} is gone" for table in columns.keys() - columns_after.keys()]
    for table in columns.keys() & columns_after.keys():
        old, new = columns[table], columns_after[table]
        unfit += [f"column {table}.{name} is gone" for name in old.keys() - new.keys()]
        unfit += [
            f"column {table}.{name} must be given"
            for name in new.keys() - old.keys()
            if not new[name]["nullable"] and new[name]["default"] is None
        ]
        unfit += [
            f"column {table}.{name} changed"
            for name in old.keys() & new.keys()
            if str(old[name]["type"]) != str(new[name]["type"]) or (old[name]["nullable"] and not new[name]["nullable"])
        ]
        unfit += [f"{table} has a new rule: {rule}" for rule in rules_after[table] - rules[table]]
    return unfit


async def shape_at(url: str) -> tuple[Shape, dict[str, set[str]]]:
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(shape_of)
    finally:
        await engine.dispose()


async def test_every_migration_leaves_the_workers_of_the_release_before_at_work(empty_url: str) -> None:
    await upgrade(empty_url, to="0001")
    before = await shape_at(empty_url)
    unfit = {}
    for script in scripts():
        await upgrade(empty_url, to=script.revision)
        after = await shape_at(empty_url)
        found = unfit_for_the_release_before(before, after)
        contracts = getattr(script.module, "contracts", None)
        if found and not (contracts is not None and contracts < str(script.down_revision)):
            unfit[script.revision] = found
        before = after

    assert scripts()
    assert unfit == {}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ALTER TABLE workers DROP COLUMN kind", "column workers.kind is gone"),
        ("ALTER TABLE workers RENAME COLUMN kind TO sort", "column workers.kind is gone"),
        ("ALTER TABLE workers ADD COLUMN room INTEGER", None),
        ("ALTER TABLE workers ADD COLUMN room INTEGER NOT NULL DEFAULT 1", None),
        ("CREATE UNIQUE INDEX one_kind ON workers (kind)", "workers has a new rule: unique ['kind']"),
        ("DROP TABLE workers", "table workers is gone"),
    ],
)
async def test_what_would_stop_them_is_seen(empty_url: str, change: str, found: str | None) -> None:
    engine = make_engine(empty_url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE workers (id TEXT PRIMARY KEY, kind TEXT NOT NULL)")
        before = await connection.run_sync(shape_of)
        await connection.exec_driver_sql(change)
        unfit = unfit_for_the_release_before(before, await connection.run_sync(shape_of))
    await engine.dispose()

    assert (found in unfit) if found else unfit == []
