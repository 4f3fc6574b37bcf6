"""Who is signed in to the dashboard, and who is on the way there."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, delete, insert, or_, select, update

from orchestrator.domain.access import Grant
from orchestrator.domain.errors import RowUnreadable
from orchestrator.domain.sessions import Session, Way
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable, stored_member
from orchestrator.store.rows.access import KeyRow, SessionRow, SignInRow
from orchestrator.store.work.grants import grant_columns, grant_of

MOST_SIGN_INS = 10_000
"""Sign-ins on their way to Entra that are kept at once: the person is not known yet, so none is limited alone."""

ID_LENGTH = 16
"""Characters of the hash of a session's secret that name the session; the secret cannot be found from them."""


class Sessions(Repository):
    """Queries and changes of sessions; none of them commits."""

    async def add(self, secret_hash: str, session: Session, *, sealed: str | None = None) -> None:
        """Keeps a new session, and removes those that ran out."""
        await self._connection.execute(delete(SessionRow).where(SessionRow.expires_at < session.created_at))
        await self._connection.execute(
            insert(SessionRow).values(
                secret_hash=secret_hash,
                name=session.name,
                key_id=session.key_id,
                created_at=session.created_at,
                expires_at=session.expires_at,
                way=session.way,
                origin=session.origin,
                person=session.person_id,
                signed_in_at=session.signed_in_at,
                seen_at=session.seen_at,
                checked_at=session.checked_at,
                next_check_at=session.next_check_at,
                sealed=sealed,
                **grant_columns(session.grant),
            )
        )

    async def find(self, secret_hash: str, *, now: datetime) -> tuple[Session, str | None] | None:
        """The session and its sealed refresh token.

        None where it ran out, was ended or cannot be read, and where the key that opened it no longer opens anything.
        """
        rows = await self._rows(_live(now).where(SessionRow.secret_hash == secret_hash))
        return next(iter(readable(rows, _session_and_token)), None)

    async def all(self, *, now: datetime) -> list[Session]:
        """Every valid session, the newest first."""
        query = _live(now).order_by(SessionRow.created_at.desc(), SessionRow.secret_hash)
        return readable(await self._rows(query), _session)

    async def remove(self, secret_hash: str) -> bool:
        """Ends the session of this secret; False where it had ended already."""
        removed = await self._connection.execute(delete(SessionRow).where(SessionRow.secret_hash == secret_hash))
        return removed.rowcount == 1

    async def remove_by_id(self, session_id: str) -> bool:
        """Ends the session of this id; False where there is none."""
        named = SessionRow.secret_hash.startswith(session_id, autoescape=True)
        removed = await self._connection.execute(delete(SessionRow).where(named))
        return removed.rowcount > 0

    async def mark_seen(self, secret_hash: str, *, now: datetime) -> None:
        """Records that the session was used."""
        await self._connection.execute(
            update(SessionRow).where(SessionRow.secret_hash == secret_hash).values(seen_at=now)
        )

    async def claim_check(self, secret_hash: str, *, now: datetime, lease: timedelta) -> bool:
        """Whether the caller is the one who asks the directory now; the lease ends by itself where the caller dies."""
        claimed = await self._connection.execute(
            update(SessionRow)
            .where(
                SessionRow.secret_hash == secret_hash,
                SessionRow.next_check_at <= now,
                or_(SessionRow.check_lease_until.is_(None), SessionRow.check_lease_until <= now),
            )
            .values(check_lease_until=now + lease)
        )
        return claimed.rowcount == 1

    async def confirm(
        self, secret_hash: str, *, name: str, grant: Grant, sealed: str | None, now: datetime, next_check_at: datetime
    ) -> None:
        """Records what the directory said of the person just now."""
        await self._connection.execute(
            update(SessionRow)
            .where(SessionRow.secret_hash == secret_hash)
            .values(
                name=name,
                checked_at=now,
                next_check_at=next_check_at,
                check_lease_until=None,
                sealed=sealed,
                **grant_columns(grant),
            )
        )

    async def postpone_check(self, secret_hash: str, *, until: datetime) -> None:
        """Records that the directory could not be asked, and when it is asked again."""
        await self._connection.execute(
            update(SessionRow)
            .where(SessionRow.secret_hash == secret_hash)
            .values(next_check_at=until, check_lease_until=None)
        )

    async def remember_sign_in(self, state_hash: str, flow: str, *, expires_at: datetime, now: datetime) -> None:
        """Keeps a sign-in that was sent to Entra, and removes the oldest where too many have not come back."""
        await self._connection.execute(delete(SignInRow).where(SignInRow.expires_at < now))
        newest = select(SignInRow.state_hash).order_by(SignInRow.expires_at.desc(), SignInRow.state_hash)
        beyond = newest.offset(MOST_SIGN_INS).limit(1_000)
        await self._connection.execute(delete(SignInRow).where(SignInRow.state_hash.in_(beyond)))
        await self._connection.execute(
            insert(SignInRow).values(state_hash=state_hash, flow=flow, expires_at=expires_at)
        )

    async def pop_sign_in(self, state_hash: str, *, now: datetime) -> str | None:
        """Removes and returns the flow of a sign-in that came back; None where it is too late, or was taken before."""
        taken = (
            delete(SignInRow).where(SignInRow.state_hash == state_hash).returning(SignInRow.flow, SignInRow.expires_at)
        )
        row = (await self._connection.execute(taken)).one_or_none()
        if row is None:
            return None
        flow, expires_at = row
        return None if expires_at <= now else flow


def _live(now: datetime) -> Select[SessionRow]:
    """Sessions that open something; a row without a way in was written by the release before."""
    valid = or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > now)
    return (
        select(SessionRow)
        .outerjoin(KeyRow, (KeyRow.id == SessionRow.key_id) & KeyRow.revoked_at.is_(None) & valid)
        .where(
            SessionRow.expires_at > now,
            SessionRow.way.is_not(None),
            or_(SessionRow.key_id.is_(None), KeyRow.id.is_not(None)),
        )
    )


def _session_and_token(row: SessionRow) -> tuple[Session, str | None]:
    return _session(row), row.sealed


def _session(row: SessionRow) -> Session:
    way = stored_member(Way, row.way, "sessions.way")
    if way is None:
        raise RowUnreadable("a session")
    return Session(
        id=row.secret_hash[:ID_LENGTH],
        name=row.name,
        grant=grant_of(row),
        way=way,
        origin=row.origin or "unknown",
        created_at=row.created_at,
        expires_at=row.expires_at,
        signed_in_at=row.signed_in_at or row.created_at,
        seen_at=row.seen_at or row.created_at,
        key_id=row.key_id,
        person_id=row.person,
        checked_at=row.checked_at,
        next_check_at=row.next_check_at,
    )
