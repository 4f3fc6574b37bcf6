"""The tables of access: API keys, sessions of the dashboard and sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class KeyRow(Base):
    """An API key: of its secret only the hash.

    `creator` names the caller (domain/access.py) who made it. `end_by_upgrade` marks an end that no admin chose: the
    upgrade to the release in which keys expire gave it.
    """

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(10))
    ceiling: Mapped[int | None] = mapped_column(BigInteger)
    actions: Mapped[str | None] = mapped_column(Text)
    tenants: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    creator: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_from: Mapped[str | None] = mapped_column(Text)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replaced_by: Mapped[str | None] = mapped_column(String(12))
    end_by_upgrade: Mapped[bool] = mapped_column(Boolean, server_default=false())


class SessionRow(Base):
    """A person who signed in to the dashboard: of the cookie only the hash.

    `person` is TENANT/OBJECT in the directory. `sealed` is the refresh token of the sign-in, encrypted under the secret
    in the cookie. A row without `way` was written by the release before, and opens nothing.
    """

    __tablename__ = "sessions"

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(10))
    ceiling: Mapped[int | None] = mapped_column(BigInteger)
    actions: Mapped[str | None] = mapped_column(Text)
    tenants: Mapped[str | None] = mapped_column(Text)
    key_id: Mapped[str | None] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    way: Mapped[str | None] = mapped_column(String(10))
    origin: Mapped[str | None] = mapped_column(Text)
    person: Mapped[str | None] = mapped_column(Text)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_check_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    check_lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed: Mapped[str | None] = mapped_column(Text)


class NewKeyRow(Base):
    """A key that was just made in a session of the dashboard, and not shown yet.

    The text of the key follows from `nonce` and from the session's own secret, of which only the hash is kept: who
    reads this table cannot tell the text.
    """

    __tablename__ = "new_keys"

    key_id: Mapped[str] = mapped_column(String(12), primary_key=True)
    session_hash: Mapped[str] = mapped_column(
        String(64), ForeignKey("sessions.secret_hash", ondelete="CASCADE"), index=True
    )
    nonce: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignInRow(Base):
    """A sign-in that was sent to Entra and has not come back yet."""

    __tablename__ = "sign_ins"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    flow: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
