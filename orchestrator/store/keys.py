"""Questions about API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.errors import UnknownKey
from orchestrator.domain.keys import KEY_LIFETIME, ApiKey
from orchestrator.store.grants import grant_columns, grant_of
from orchestrator.store.rows import AnyRow, KeyRow


class Keys:
    """Questions about keys; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: ApiKey, secret_hash: str) -> None:
        """Keep a new key."""
        await self._connection.execute(
            insert(KeyRow).values(
                id=key.id,
                secret_hash=secret_hash,
                name=key.name,
                created_by=key.created_by,
                creator=key.creator,
                created_at=key.created_at,
                expires_at=key.expires_at,
                **grant_columns(key.grant),
            )
        )

    async def all(self) -> list[ApiKey]:
        """Every key there is or was, the newest first."""
        query = select(KeyRow.__table__).order_by(KeyRow.created_at.desc(), KeyRow.id)
        return [_key(row) for row in await self._connection.execute(query)]

    async def find(self, wanted: str) -> ApiKey:
        """The key of this id; UnknownKey otherwise."""
        row = (await self._connection.execute(select(KeyRow.__table__).where(KeyRow.id == wanted))).one_or_none()
        if row is None:
            raise UnknownKey(wanted)
        return _key(row)

    async def with_hash(self, key_id: str) -> tuple[ApiKey, str] | None:
        """The key and the hash of its secret, None where there is no such key."""
        row = (await self._connection.execute(select(KeyRow.__table__).where(KeyRow.id == key_id))).one_or_none()
        return None if row is None else (_key(row), row.secret_hash)

    async def all_hashes(self) -> list[tuple[ApiKey, str]]:
        """Every key that was not revoked, with the hash of its secret."""
        query = select(KeyRow.__table__).where(KeyRow.revoked_at.is_(None))
        return [(_key(row), row.secret_hash) for row in await self._connection.execute(query)]

    async def note_used(self, key_id: str, *, origin: str, now: datetime) -> None:
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


def _key(row: AnyRow) -> ApiKey:
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
