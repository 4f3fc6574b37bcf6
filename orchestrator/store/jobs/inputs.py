"""The input as it was given, for the report and for a retry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from orchestrator.domain.ids import JobNumber
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.inputs import InputPageRow


@dataclass(frozen=True, slots=True)
class InputPage:
    """Some rows of the input, still compressed."""

    page: int
    first_line: int
    last_line: int
    payload: bytes


class Inputs(Repository):
    """SQL of inputs; no method commits."""

    async def page_after(self, number: JobNumber, page: int) -> InputPage | None:
        """The next page of a job's input; start with -1, None is the end."""
        query = (
            select(InputPageRow.page, InputPageRow.first_line, InputPageRow.last_line, InputPageRow.payload)
            .where(InputPageRow.job_number == number, InputPageRow.page > page)
            .order_by(InputPageRow.page)
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else InputPage(*row)
