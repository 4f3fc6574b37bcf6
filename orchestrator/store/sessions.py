"""Who is signed in to the dashboard, and who is on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.access import Grant
from orchestrator.store.grants import grant_columns, grant_of
from orchestrator.store.rows import KeyRow, SessionRow, SignInRow

MOST_SIGN_INS = 10_000
"""Sign-ins on their way to Entra that are kept at once: nobody is known yet, so nobody can be told to wait."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Somebody who is signed in; `key_id` is the key they came with, if it was one."""

    name: str
    grant: Grant
    expires_at: datetime
    key_id: str | None = None


class Sessions:
    """Questions about sessions; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, secret_hash: str, session: StoredSession, *, now: datetime) -> None:
        """Somebody signed in; whoever's session ran out is forgotten."""
        await self._connection.execute(delete(SessionRow).where(SessionRow.expires_at < now))
        await self._connection.execute(
            insert(SessionRow).values(
                secret_hash=secret_hash,
                name=session.name,
                key_id=session.key_id,
                created_at=now,
                expires_at=session.expires_at,
                **grant_columns(session.grant),
            )
        )

    async def find(self, secret_hash: str, *, now: datetime) -> StoredSession | None:
        """Whose session this is, None where it ran out, or the key that opened it no longer opens anything."""
        query = (
            select(SessionRow.__table__, KeyRow.id.label("valid_key"))
            .outerjoin(
                KeyRow,
                (KeyRow.id == SessionRow.key_id)
                & KeyRow.revoked_at.is_(None)
                & or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > now),
            )
            .where(SessionRow.secret_hash == secret_hash, SessionRow.expires_at > now)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None or (row.key_id is not None and row.valid_key is None):
            return None
        return StoredSession(row.name, grant_of(row), row.expires_at, row.key_id)

    async def remove(self, secret_hash: str) -> bool:
        """Somebody signed out."""
        removed = await self._connection.execute(delete(SessionRow).where(SessionRow.secret_hash == secret_hash))
        return removed.rowcount == 1

    async def remember_sign_in(self, state_hash: str, flow: str, *, expires_at: datetime, now: datetime) -> None:
        """Somebody was sent to Entra; of too many sign-ins that did not come back, the oldest are forgotten."""
        await self._connection.execute(delete(SignInRow).where(SignInRow.expires_at < now))
        newest = select(SignInRow.state_hash).order_by(SignInRow.expires_at.desc(), SignInRow.state_hash)
        beyond = newest.offset(MOST_SIGN_INS).limit(1_000)
        await self._connection.execute(delete(SignInRow).where(SignInRow.state_hash.in_(beyond)))
        await self._connection.execute(
            insert(SignInRow).values(state_hash=state_hash, flow=flow, expires_at=expires_at)
        )

    async def take_sign_in(self, state_hash: str, *, now: datetime) -> str | None:
        """And came back: once, and in time."""
        taken = (
            delete(SignInRow).where(SignInRow.state_hash == state_hash).returning(SignInRow.flow, SignInRow.expires_at)
        )
        row = (await self._connection.execute(taken)).one_or_none()
        return None if row is None or row.expires_at <= now else row.flow
