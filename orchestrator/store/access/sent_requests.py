"""Requests that came with an idempotency key and made no job: a job keeps its key itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.sent_requests import SentRequestRow


class SentRequests(Repository):
    """Repository of sent requests; none of the methods commits."""

    async def find(self, key: str) -> tuple[str, str] | None:
        """The hash of the request that came with this key, and the name of its result."""
        query = select(SentRequestRow.request, SentRequestRow.result).where(SentRequestRow.key == key)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else (row.request, row.result)

    async def add(self, key: str, request: str, result: str, *, now: datetime) -> bool:
        """Keep the request; False where the key was used before. A second one waits for the commit of the first."""
        values = {"key": key, "request": request, "result": result, "made_at": now}
        added = insert_into(self._connection, SentRequestRow).values(values).on_conflict_do_nothing()
        return bool((await self._connection.execute(added)).rowcount)

    async def forget(self, *, before: datetime) -> None:
        """Removes requests from before then: their keys may be used again."""
        await self._connection.execute(delete(SentRequestRow).where(SentRequestRow.made_at < before))
