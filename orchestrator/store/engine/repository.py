"""The foundation of the repositories: the SQL of one subject, executed in the transaction that was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.rows.mapping import Base

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.sql.selectable import TypedReturnsRows

_Entity = TypeVar("_Entity", bound=Base)
_More = TypeVarTuple("_More")


class Repository:
    """The SQL of one subject; no method of a repository commits.

    A connection answers `select(JobRow)` with plain rows that have an attribute for each column: no session, and
    nothing to load later. Such a row is typed as its mapped class, so that mypy knows the type of each column. Rows of
    single columns are taken apart by their place, which mypy knows too.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _rows(
        self, query: TypedReturnsRows[_Entity], given: Mapping[str, object] | None = None
    ) -> Sequence[_Entity]:
        """Returns the rows of a query of one whole table."""
        return cast("Sequence[_Entity]", (await self._connection.execute(query, given)).all())

    async def _row(self, query: TypedReturnsRows[_Entity], given: Mapping[str, object] | None = None) -> _Entity | None:
        """Returns the one row of such a query, None where there is none."""
        return cast("_Entity | None", (await self._connection.execute(query, given)).one_or_none())

    async def _rows_with(
        self, query: Select[_Entity, *_More], given: Mapping[str, object] | None = None
    ) -> list[tuple[_Entity, *_More]]:
        """Returns the rows of a query of one whole table and further columns, each row with the values of those."""
        more = len(query.column_descriptions) - 1
        rows = (await self._connection.execute(query, given)).all()
        return [cast("tuple[_Entity, *_More]", (row, *row[-more:])) for row in rows]
