"""SQL of API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from orchestrator.domain.errors import UnknownKey
from orchestrator.domain.keys import KEY_LIFETIME, ApiKey
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.access import KeyRow, NewKeyRow
from orchestrator.store.work.grants import grant_columns, grant_of


class Keys(Repository):
    """SQL of keys; no method commits."""

    async def add(self, key: ApiKey, secret_hash: str) -> bool:
        """Keep a new key; False where there is one of this id."""
        added = await self._connection.execute(
            insert_into(self._connection, KeyRow)
            .values(
                id=key.id,
                secret_hash=secret_hash,
                name=key.name,
                created_by=key.created_by,
                creator=key.creator,
                created_at=key.created_at,
                expires_at=key.expires_at,
                **grant_columns(key.grant),
            )
            .on_conflict_do_nothing()
        )
        return added.rowcount == 1

    async def all(self) -> list[ApiKey]:
        """Every key there is or was and that can be read, the newest first."""
        query = select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id)
        return readable(await self._rows(query), _key)

    async def find(self, wanted: str) -> ApiKey:
        """The key of this id; UnknownKey, or RowUnreadable, otherwise."""
        row = await self._row(select(KeyRow).where(KeyRow.id == wanted))
        if row is None:
            raise UnknownKey(wanted)
        return _key(row)

    async def with_hash(self, key_id: str) -> tuple[ApiKey, str] | None:
        """The key and the hash of its secret, None where there is no such key, or none that can be read."""
        rows = await self._rows(select(KeyRow).where(KeyRow.id == key_id))
        return next(iter(readable(rows, _key_and_hash)), None)

    async def all_hashes(self) -> list[tuple[ApiKey, str]]:
        """Every key that was not revoked and can be read, with the hash of its secret."""
        query = select(KeyRow).where(KeyRow.revoked_at.is_(None))
        return readable(await self._rows(query), _key_and_hash)

    async def mark_used(self, key_id: str, *, origin: str, now: datetime) -> None:
        """Records that the key was used, when and from which address."""
        await self._connection.execute(
            update(KeyRow).where(KeyRow.id == key_id).values(last_used_at=now, last_used_from=origin)
        )

    async def replace(self, key_id: str, *, by: str, ends_at: datetime) -> None:
        """Records which key takes the place of this one, and lets this one expire at that moment."""
        await self._connection.execute(
            update(KeyRow).where(KeyRow.id == key_id).values(replaced_by=by, expires_at=ends_at)
        )

    async def revoke(self, key_id: str, *, now: datetime) -> bool:
        """Let it open nothing any more; False where that was so already."""
        revoked = await self._connection.execute(
            update(KeyRow).where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None)).values(revoked_at=now)
        )
        return revoked.rowcount == 1

    async def store_for_display(
        self, key_id: str, session_hash: str, nonce: str, *, expires_at: datetime, now: datetime
    ) -> None:
        """Keep what the text of a new key follows from, until its session takes it or `expires_at`."""
        await self._connection.execute(delete(NewKeyRow).where(NewKeyRow.expires_at < now))
        await self._connection.execute(
            insert(NewKeyRow).values(key_id=key_id, session_hash=session_hash, nonce=nonce, expires_at=expires_at)
        )

    async def any_to_show(self, session_hash: str) -> bool:
        """Whether a key was made in this session and not shown yet."""
        query = select(NewKeyRow.key_id).where(NewKeyRow.session_hash == session_hash).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def pop_for_display(self, session_hash: str, *, now: datetime) -> list[tuple[str, str]]:
        """Remove what was kept for this session; answers with (key id, nonce) of what is not too old to be shown."""
        taken = await self._connection.execute(
            delete(NewKeyRow)
            .where(NewKeyRow.session_hash == session_hash)
            .returning(NewKeyRow.key_id, NewKeyRow.nonce, NewKeyRow.expires_at)
        )
        return [(key, nonce) for key, nonce, expires_at in taken if expires_at > now]


def _key_and_hash(row: KeyRow) -> tuple[ApiKey, str]:
    return _key(row), row.secret_hash


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        grant=grant_of(row),
        created_by=row.created_by,
        created_at=row.created_at,
        # A process of the release before, which still runs beside this one, makes keys without an end.
        expires_at=row.expires_at or row.created_at + KEY_LIFETIME,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        creator=row.creator,
        last_used_from=row.last_used_from,
        replaced_by=row.replaced_by,
        end_by_upgrade=row.end_by_upgrade,
    )
