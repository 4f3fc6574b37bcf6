"""Notices to channels: written in the transaction of their event, claimed by their sender, stored with their result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from orchestrator.domain.ids import WorkerId
from orchestrator.domain.notice import Notice, NoticeStatus
from orchestrator.domain.notice_kinds import Event
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_member, stored_object
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.notices import NoticeRow


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """One message to one channel, and how it stands."""

    number: int
    channel: str
    notice: Notice
    status: NoticeStatus
    attempts: int
    error: str | None
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


class Notices(Repository):
    """SQL of notices; no method commits."""

    async def add(self, channel: str, notice: Notice, *, now: datetime) -> bool:
        """A message to be sent; False where this channel has the same one already."""
        added = await self._connection.execute(
            insert_into(self._connection, NoticeRow)
            .values(
                channel=channel,
                key=notice.key,
                event=notice.event,
                subject=notice.subject,
                payload=json.dumps({"title": notice.title, "lines": notice.lines, "facts": dict(notice.facts)}),
                status=NoticeStatus.WAITING,
                created_at=now,
                due_at=now,
            )
            .on_conflict_do_nothing()
        )
        return added.rowcount == 1

    async def any_due(self, *, now: datetime) -> bool:
        """Whether a message waits to be sent now."""
        due = select(NoticeRow.number).where(NoticeRow.status == NoticeStatus.WAITING, NoticeRow.due_at <= now)
        return (await self._connection.execute(due.limit(1))).first() is not None

    async def claim(self, worker: WorkerId, *, until: datetime, now: datetime) -> NoticeFacts | None:
        """Take the message that is due longest; no other process takes it before then."""
        due = (
            select(NoticeRow.number)
            .where(NoticeRow.status == NoticeStatus.WAITING, NoticeRow.due_at <= now)
            .order_by(NoticeRow.due_at, NoticeRow.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        number = (await self._connection.execute(due)).scalar_one_or_none()
        if number is None:
            return None
        taken = (
            update(NoticeRow)
            .where(NoticeRow.number == number)
            .values(due_at=until, holder=worker, attempts=NoticeRow.attempts + 1)
            .returning(NoticeRow)
        )
        [row] = await self._rows(taken)
        return _facts(row)

    async def settle(self, number: int, worker: WorkerId, values: NoticeOutcome, *, now: datetime) -> bool:
        """Records the result of an attempt; False where another one is under way by now."""
        settled = await self._connection.execute(
            update(NoticeRow)
            .where(NoticeRow.number == number, NoticeRow.holder == worker, NoticeRow.status == NoticeStatus.WAITING)
            .values(
                status=values.status,
                error=values.error,
                due_at=now + timedelta(seconds=values.again_in),
                ended_at=None if values.status is NoticeStatus.WAITING else now,
                holder=None,
            )
        )
        return settled.rowcount == 1

    async def newest(self, *, limit: int, statuses: tuple[NoticeStatus, ...] = ()) -> list[NoticeFacts]:
        """The newest messages first."""
        query = select(NoticeRow).order_by(NoticeRow.number.desc()).limit(limit)
        if statuses:
            query = query.where(NoticeRow.status.in_(statuses))
        return [_facts(row) for row in await self._rows(query)]

    async def forget(self, *, before: datetime) -> None:
        """Drop what ended before then."""
        await self._connection.execute(delete(NoticeRow).where(NoticeRow.ended_at < before))


@dataclass(frozen=True, slots=True)
class NoticeOutcome:
    """The result of an attempt: sent, failed for good, or to be tried again."""

    status: NoticeStatus
    error: str | None = None
    again_in: float = 0.0


def _facts(row: NoticeRow) -> NoticeFacts:
    payload = stored_object(row.payload, "notices.payload") or {}
    lines, facts = payload.get("lines"), payload.get("facts")
    return NoticeFacts(
        number=row.number,
        channel=row.channel,
        # A message that lost its text or its kind is sent all the same: it would keep all others from being sent.
        notice=Notice(
            key=row.key,
            event=stored_member(Event, row.event, "notices.event") or Event.FAILURES,
            subject=row.subject,
            title=str(payload.get("title") or row.subject),
            lines=tuple(map(str, lines)) if isinstance(lines, list) else (),
            facts=facts if isinstance(facts, dict) else {},
        ),
        status=NoticeStatus(row.status),
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
        due_at=row.due_at,
        ended_at=row.ended_at,
    )
