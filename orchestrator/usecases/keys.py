"""API keys: made, listed, revoked, and what a presented one opens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from orchestrator.domain.access import ApiKey, Asker, Grant, Role
from orchestrator.domain.confirmation import Facts, key_facts, refuse_outdated
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.ids import ID_ALPHABET, ID_LENGTH
from orchestrator.usecases.app import App

log = structlog.get_logger()

_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its text is shown once and kept nowhere."""

    key: ApiKey
    text: str


async def create_key(
    app: App,
    grant: Grant,
    *,
    name: str | None,
    expires_in_days: int | None = None,
    by: Asker,
    reason: str | None = None,
    secret: str | None = None,
    to_show: tuple[str, str, timedelta] | None = None,
) -> NewKey:
    """Make a key; RequestRejected where it would open nothing.

    `secret` is its secret where that is derived from something else (43 characters); `to_show` is the hash of the
    session that is shown the key later, the nonce that it is derived from, and how long it may be shown.
    """
    by.grant.refuse_below(Role.ADMIN)
    if grant.role is not Role.OPERATOR and not (grant.ceiling is None and grant.actions is None):
        raise RequestRejected("A ceiling and a list of actions are for operators: viewers submit nothing.")
    key_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    secret = secret or secrets.token_urlsafe(32)
    async with app.store.transaction() as tx:
        now = await tx.now()
        expires_at = None if expires_in_days is None else now + timedelta(days=expires_in_days)
        key = ApiKey(key_id, name or grant.role, grant, by.name, now, expires_at)
        await tx.keys.add(key, _hash(secret))
        if to_show is not None:
            session_hash, nonce, within = to_show
            await tx.keys.keep_to_show(key.id, session_hash, nonce, expires_at=now + within, now=now)
        await tx.audit.write(by, "key.created", key.id, reason=reason, facts=_facts(key), now=now)
    log.info("key.created", key=key.id, role=grant.role, by=by.name)
    return NewKey(key, key_text(key_id, secret))


def key_text(key_id: str, secret: str) -> str:
    """The key as its owner sends it."""
    return f"muster_{key_id}_{secret}"


async def list_keys(app: App) -> tuple[list[ApiKey], datetime]:
    """Every key there is or was, the newest first, and the moment by which they are to be judged."""
    async with app.store.reading() as tx:
        return await tx.keys.all(), await tx.now()


async def revoke_key(
    app: App, wanted: str, *, by: Asker, reason: str | None = None, shown: Facts | None = None
) -> ApiKey:
    """Let a key open nothing from now on; revoking twice is once."""
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        key = await tx.keys.find(wanted)
        now = await tx.now()
        if key.revoked_at is None:
            refuse_outdated(shown, key_facts(key, key.status(now)))
        if await tx.keys.revoke(key.id, now=now):
            await tx.audit.write(by, "key.revoked", key.id, reason=reason, facts={"name": key.name}, now=now)
            log.info("key.revoked", key=key.id, by=by.name)
        return await tx.keys.find(key.id)


async def holder_of(app: App, text: str, *, origin: str) -> Asker | None:
    """Who presents this key, None where it opens nothing."""
    parts = _KEY.fullmatch(text)
    if parts is None:
        return None
    async with app.store.reading() as tx:
        found = await tx.keys.with_hash(parts["id"])
        if found is None:
            return None
        key, secret_hash = found
        # Every request asks: only where the moment decides is the clock that all agree on worth another question.
        now = app.clock.now() if key.expires_at is None else await tx.now()
    if not hmac.compare_digest(secret_hash, _hash(parts["secret"])) or not key.is_valid(now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= _USE_NOTED_EVERY:
        async with app.store.transaction() as tx:
            await tx.keys.note_used(key.id, now=now)
    return Asker(f"key:{key.name}", origin, key.grant, key.id)


def _hash(secret: str) -> str:
    # 256 bits of chance need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def _facts(key: ApiKey) -> dict[str, object]:
    grant = key.grant
    facts: dict[str, object] = {"name": key.name, "role": grant.role}
    if grant.ceiling is not None:
        facts["ceiling"] = grant.ceiling
    if grant.actions is not None:
        facts["actions"] = sorted(grant.actions)
    return facts


_KEY = re.compile(rf"muster_(?P<id>[{ID_ALPHABET}]{{{ID_LENGTH}}})_(?P<secret>[\w-]{{43}})", re.ASCII)
