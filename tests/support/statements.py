"""What reaches the database: the statements of a block, and the plans that the database makes for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.store.engine.database import Store


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the driver got it."""

    text: str
    parameters: Any

    @property
    def is_work(self) -> bool:
        """Whether it asks or changes something, rather than beginning or naming a transaction."""
        return self.text.lstrip().split(None, 1)[0].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}


@contextmanager
def statements_of(store: Store) -> Iterator[list[Statement]]:
    """Every statement of the store while the block lasts; one with many parameter sets counts as many."""
    seen: list[Statement] = []

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, executemany: bool) -> None:  # noqa: FBT001 - SQLAlchemy's signature
        seen.extend(Statement(text, each) for each in (parameters if executemany else [parameters]))

    engine = engine_of(store).sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def work_of(statements: list[Statement]) -> list[str]:
    """The texts of those that ask or change something."""
    return [statement.text for statement in statements if statement.is_work]


def engine_of(store: Store) -> AsyncEngine:
    return store._engine


async def plan_of(connection: AsyncConnection, statement: Statement) -> str:
    """How the database goes about a statement that it was given, as text that names tables and indexes."""
    if connection.dialect.name == "sqlite":
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
        return "\n".join(tuple(row)[-1] for row in rows)
    rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.parameters)
    plan = rows.scalar_one()
    return json.dumps(json.loads(plan) if isinstance(plan, str) else plan)
