"""INSERT with ON CONFLICT, which each database has in a dialect of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.rows.mapping import Base

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: AsyncConnection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes `on_conflict_…`, in the dialect of the connection.

    Only that dialect is loaded: PostgreSQL's brings the drivers for it, which an embedded command never uses.
    """
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Returns the insert for a dialect by its name."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as above

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as above

    return sqlite.insert(table)
