"""Refusals in the audit log: the first of a kind have lines of their own, and one line counts the others."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator.domain.access import Actor
from orchestrator.domain.audit import Refusal
from orchestrator.store.access.audit import Audit
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.audit import AuditEntryRow
from orchestrator.store.rows.refusals import RefusalRow

TOLD_ALONE = 10
"""Refusals of one kind that have lines of their own within an hour."""

GROUPED_FOR = timedelta(hours=1)

MOST_KINDS = 200
"""Kinds of refusals that are told apart within an hour: addresses are cheap, and the log must stay readable."""

MANY = "many"


class Refusals(Repository):
    """SQL of refusals; no method commits."""

    async def write(self, refusal: Refusal, *, times: int, now: datetime) -> None:
        """Records that something was refused so many times.

        The first ten of a kind within an hour have lines of their own; one line counts all further ones.
        """
        audit = Audit(self._connection)
        kind = await self._group_of(refusal, now=now)
        [row] = await self._rows(select(RefusalRow).where(RefusalRow.kind == kind))
        alone = max(0, min(times, TOLD_ALONE - row.times))
        for _ in range(alone):
            await audit.write(refusal.by, refusal.what, refusal.subject, now=now, reason=refusal.reason)
        further, audit_entry = row.times + times - TOLD_ALONE, row.audit_entry
        if further > 0:
            facts = {"times": further, "since": f"{row.since:%Y-%m-%dT%H:%M:%SZ}"}
            if audit_entry is None:
                by = refusal.by if kind == refusal.kind else Actor(MANY, MANY)
                audit_entry = await audit.write(by, refusal.what, None, now=now, reason=_FURTHER, facts=facts)
            else:
                await self._connection.execute(
                    update(AuditEntryRow).where(AuditEntryRow.number == audit_entry).values(facts=json.dumps(facts))
                )
        await self._connection.execute(
            update(RefusalRow).where(RefusalRow.kind == kind).values(times=row.times + times, audit_entry=audit_entry)
        )

    async def _group_of(self, refusal: Refusal, *, now: datetime) -> str:
        """The group that counts the refusal, locked: its own, or where there are too many kinds, that of all others."""
        await self._connection.execute(delete(RefusalRow).where(RefusalRow.since <= now - GROUPED_FOR))
        for kind in (refusal.kind, f"{refusal.what} {MANY}"):
            found = select(RefusalRow.kind).where(RefusalRow.kind == kind).with_for_update()
            if (await self._connection.execute(found)).one_or_none() is not None:
                return kind
            kinds = (await self._connection.execute(select(func.count()).select_from(RefusalRow))).scalar_one()
            if kinds < MOST_KINDS or kind != refusal.kind:
                try:
                    async with self._connection.begin_nested():
                        await self._connection.execute(insert(RefusalRow).values(kind=kind, since=now, times=0))
                except IntegrityError:
                    await self._connection.execute(found)  # another process was faster
                return kind
        raise AssertionError("the group of all others can always be made")


_FURTHER = "Further refusals of this kind, counted together."
