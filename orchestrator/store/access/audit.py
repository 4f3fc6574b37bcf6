"""The audit log: lines are added and read; refusals.py changes the count on a line of many refusals."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, or_, select

from orchestrator.domain.access import COMMAND_LINE, Actor
from orchestrator.domain.audit import AuditEntry
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_object
from orchestrator.store.rows.audit import AuditEntryRow


class Audit(Repository):
    """SQL of audit entries; no method commits: an entry is written in the transaction of its action."""

    async def write(
        self,
        by: Actor,
        what: str,
        subject: str | None,
        *,
        now: datetime,
        reason: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> int:
        """Records an action and its actor, with the id of a key, and the directory's ids of a person: names are shared.

        Returns the number of the entry.
        """
        told = dict(facts or {})
        if by.key_id is not None:
            told[_KEY] = by.key_id
        if by.person_id is not None:
            told[_PERSON] = by.person_id
        added = insert(AuditEntryRow).values(
            at=now,
            who=by.name,
            origin=by.origin,
            is_command_line=by.is_command_line,
            what=what,
            subject=subject,
            reason=reason,
            facts=json.dumps(told) if told else None,
        )
        return int((await self._connection.execute(added.returning(AuditEntryRow.number))).scalar_one())

    async def count_before(self, time: datetime) -> int:
        """Returns how many entries are older than that."""
        query = select(func.count()).select_from(AuditEntryRow).where(AuditEntryRow.at < time)
        return int((await self._connection.execute(query)).scalar_one())

    async def forget(self, *, before: datetime, most: int) -> int:
        """Drop up to so many entries that are older than that, the oldest first; answers with how many that were."""
        oldest = (
            select(AuditEntryRow.number).where(AuditEntryRow.at < before).order_by(AuditEntryRow.number).limit(most)
        )
        forgotten = await self._connection.execute(delete(AuditEntryRow).where(AuditEntryRow.number.in_(oldest)))
        return forgotten.rowcount

    async def last_times(self, what: str, subjects: Collection[str]) -> dict[str, datetime]:
        """Returns when this was done last to each of these subjects; those to which it never was are left out."""
        query = (
            select(AuditEntryRow.subject, func.max(AuditEntryRow.at))
            .where(AuditEntryRow.what == what, AuditEntryRow.subject.in_(subjects))
            .group_by(AuditEntryRow.subject)
        )
        return {subject: at for subject, at in await self._connection.execute(query) if subject is not None}

    async def newest(
        self,
        limit: int,
        *,
        before: int | None = None,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[AuditEntry]:
        """Audit entries, newest first; `before` is the number to go on from, `what` takes `job` for all `job.…`.

        `who` is a name, the id of a key, which `text` finds as well, or TENANT/OBJECT of a person.
        """
        query = select(AuditEntryRow).order_by(AuditEntryRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditEntryRow.number < before)
        if who is not None:
            query = query.where(or_(AuditEntryRow.who == who, _with(_KEY, who), _with(_PERSON, who.lower())))
        if what is not None:
            query = query.where(
                or_(AuditEntryRow.what == what, AuditEntryRow.what.startswith(f"{what}.", autoescape=True))
            )
        if subject is not None:
            query = query.where(AuditEntryRow.subject == subject)
        if since is not None:
            query = query.where(AuditEntryRow.at >= since)
        if until is not None:
            query = query.where(AuditEntryRow.at < until)
        if text:
            columns = (AuditEntryRow.who, AuditEntryRow.subject, AuditEntryRow.reason, AuditEntryRow.what)
            found = (func.lower(column).contains(text.lower(), autoescape=True) for column in columns)
            query = query.where(or_(*found, _with(_KEY, text)))
        return [_audit_entry(row) for row in await self._rows(query)]


_KEY, _PERSON = "key", "person"


def _with(fact: str, value: str) -> ColumnElement[bool]:
    return AuditEntryRow.facts.contains(f'"{fact}": {json.dumps(value)}', autoescape=True)


def _audit_entry(row: AuditEntryRow) -> AuditEntry:
    facts = stored_object(row.facts, "deeds.facts") or {}
    # A release that knew no mark wrote these words in place of an address.
    is_command_line = row.origin == COMMAND_LINE if row.is_command_line is None else row.is_command_line
    return AuditEntry(
        row.number, row.at, row.who, row.origin, row.what, row.subject, row.reason, facts, is_command_line
    )
