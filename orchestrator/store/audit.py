"""The audit log: deeds are added and read, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.access import Asker, Deed
from orchestrator.store.rows import AnyRow, DeedRow


class Audit:
    """Questions about deeds; none of them commits: a deed is written in the transaction that does it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def write(
        self,
        by: Asker,
        what: str,
        subject: str | None,
        *,
        now: datetime,
        reason: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """Say that somebody did it; of a key its id as well, since keys may share a name."""
        told = dict(facts or {}) if by.key_id is None else {**(facts or {}), _KEY: by.key_id}
        await self._connection.execute(
            insert(DeedRow).values(
                at=now,
                who=by.name,
                origin=by.origin,
                what=what,
                subject=subject,
                reason=reason,
                facts=json.dumps(told) if told else None,
            )
        )

    async def newest(
        self,
        limit: int,
        *,
        before: int | None = None,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        text: str | None = None,
    ) -> list[Deed]:
        """The newest deeds first; `before` is the number to go on from, `what` takes `job` for all `job.…`.

        `who` is a name or the id of a key, which `text` finds as well.
        """
        query = select(DeedRow.__table__).order_by(DeedRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(DeedRow.number < before)
        if who is not None:
            query = query.where(or_(DeedRow.who == who, _with_key(who)))
        if what is not None:
            query = query.where(or_(DeedRow.what == what, DeedRow.what.startswith(f"{what}.", autoescape=True)))
        if subject is not None:
            query = query.where(DeedRow.subject == subject)
        if text:
            columns = (DeedRow.who, DeedRow.subject, DeedRow.reason, DeedRow.what)
            found = (func.lower(column).contains(text.lower(), autoescape=True) for column in columns)
            query = query.where(or_(*found, _with_key(text)))
        return [_deed(row) for row in await self._connection.execute(query)]


_KEY = "key"


def _with_key(key_id: str) -> ColumnElement[bool]:
    return DeedRow.facts.contains(f'"{_KEY}": {json.dumps(key_id)}', autoescape=True)


def _deed(row: AnyRow) -> Deed:
    facts = json.loads(row.facts) if row.facts else {}
    return Deed(row.number, row.at, row.who, row.origin, row.what, row.subject, row.reason, facts)
