"""The audit log: lines are added and read; only the count on a line of many refusals changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator.domain.access import COMMAND_LINE, Actor, AuditEntry, Refusal
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_object
from orchestrator.store.rows.audit import AuditEntryRow, RefusalRow

TOLD_ALONE = 10
"""Refusals of one kind that have lines of their own within an hour."""

GROUPED_FOR = timedelta(hours=1)

MOST_KINDS = 200
"""Kinds of refusals that are told apart within an hour: addresses are cheap, and the log must stay readable."""

MANY = "many"


class Audit(Repository):
    """Questions about deeds; none of them commits: a deed is written in the transaction that does it."""

    async def write(
        self,
        by: Actor,
        what: str,
        subject: str | None,
        *,
        now: datetime,
        reason: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """Records that somebody did it; with the id of a key, and the directory's ids of a person: names are shared."""
        await self._insert(by, what, subject, now=now, reason=reason, facts=facts)

    async def write_refusal(self, refusal: Refusal, *, times: int, now: datetime) -> None:
        """Records that something was refused so many times.

        The first ten of a kind within an hour have lines of their own; one line counts all further ones.
        """
        kind = await self._group_of(refusal, now=now)
        [row] = await self._rows(select(RefusalRow).where(RefusalRow.kind == kind))
        alone = max(0, min(times, TOLD_ALONE - row.times))
        for _ in range(alone):
            await self._insert(refusal.by, refusal.what, refusal.subject, now=now, reason=refusal.reason)
        further, audit_entry = row.times + times - TOLD_ALONE, row.audit_entry
        if further > 0:
            facts = {"times": further, "since": f"{row.since:%Y-%m-%dT%H:%M:%SZ}"}
            if audit_entry is None:
                by = refusal.by if kind == refusal.kind else Actor(MANY, MANY)
                audit_entry = await self._insert(by, refusal.what, None, now=now, reason=_FURTHER, facts=facts)
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

    async def _insert(
        self,
        by: Actor,
        what: str,
        subject: str | None,
        *,
        now: datetime,
        reason: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> int:
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
    ) -> list[AuditEntry]:
        """The newest deeds first; `before` is the number to go on from, `what` takes `job` for all `job.…`.

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
        if text:
            columns = (AuditEntryRow.who, AuditEntryRow.subject, AuditEntryRow.reason, AuditEntryRow.what)
            found = (func.lower(column).contains(text.lower(), autoescape=True) for column in columns)
            query = query.where(or_(*found, _with(_KEY, text)))
        return [_audit_entry(row) for row in await self._rows(query)]


_KEY, _PERSON = "key", "person"
_FURTHER = "Further refusals of this kind, counted together."


def _with(fact: str, value: str) -> ColumnElement[bool]:
    return AuditEntryRow.facts.contains(f'"{fact}": {json.dumps(value)}', autoescape=True)


def _audit_entry(row: AuditEntryRow) -> AuditEntry:
    facts = stored_object(row.facts, "deeds.facts") or {}
    # A release that knew no mark wrote these words in place of an address.
    is_command_line = row.origin == COMMAND_LINE if row.is_command_line is None else row.is_command_line
    return AuditEntry(
        row.number, row.at, row.who, row.origin, row.what, row.subject, row.reason, facts, is_command_line
    )
