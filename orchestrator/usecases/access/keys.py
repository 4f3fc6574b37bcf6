"""API keys: created, rotated, listed, and the caller that a presented one stands for."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.confirmation import Facts, key_facts, refuse_outdated
from orchestrator.domain.errors import IdempotencyConflict, NotPermitted, RequestRejected, UnknownTenant, WrongStatus
from orchestrator.domain.figures import rfc3339
from orchestrator.domain.ids import ID_ALPHABET, ID_LENGTH
from orchestrator.domain.keys import ApiKey, Creations, end_of_key
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.revoke_key import creations_of
from orchestrator.usecases.jobs.idempotency import Idempotency, result_before

log = get_logger(__name__)

OVERLAP = timedelta(days=7)
"""How long a rotated key still opens the API where the request names no other time."""

SHOWN_WITHIN = timedelta(minutes=5)
"""A browser follows a redirect at once; a key whose text was not shown by then is revoked and made again."""

_USE_NOTED_EVERY = timedelta(minutes=1)
_MOVE_NOTED_EVERY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its text is shown once and kept nowhere."""

    key: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class ShownLater:
    """How a key is made whose text a session of the dashboard takes once, in its next request.

    `secret` (43 characters) is derived from the session's own secret and from `nonce`, which is kept until then. A form
    that is sent twice names the same `key_id`, and makes one key.
    """

    session_hash: str
    nonce: str = field(repr=False)
    secret: str = field(repr=False)
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class SentAgain:
    """The id and the secret of a key, derived from the request for it: sent again, it is answered with the same key."""

    key_id: str
    secret: str = field(repr=False)
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key, what it created and is still in force, and the time by which the key is judged."""

    key: ApiKey
    created: Creations
    now: datetime


async def create_key(
    app: App,
    grant: Grant,
    *,
    name: str | None,
    lifetime: timedelta | None = None,
    by: Actor,
    reason: str | None = None,
    source: ShownLater | SentAgain | None = None,
) -> NewKey:
    """Make a key, for 90 days where no lifetime is given; where `source` names one that is there, return that one.

    RequestRejected where it would open nothing or live too long, NotPermitted where it would allow more, or live
    longer, than the key that creates it, SignInTooOld where the person signed in more than ten minutes ago.
    """
    by.grant.refuse_below(Role.ADMIN)
    if grant.role is not Role.OPERATOR and grant.is_limited:
        raise RequestRejected("A ceiling, actions and tenants are limits of operators: viewers submit nothing.")
    for tenant in grant.tenants or ():
        if tenant not in app.tenants:
            raise UnknownTenant(tenant, tuple(app.tenants))
    async with app.store.transaction() as tx:
        now = await tx.now()
        by.refuse_stale_sign_in(now)
        return await _add(
            app,
            tx,
            grant,
            name=name or grant.role,
            lifetime=lifetime,
            by=by,
            reason=reason,
            now=now,
            source=source,
        )


async def rotate_key(
    app: App,
    wanted: str,
    *,
    overlap: timedelta = OVERLAP,
    lifetime: timedelta | None = None,
    by: Actor,
    reason: str | None = None,
    source: ShownLater | SentAgain | None = None,
    shown: Facts | None = None,
    idempotency: Idempotency | None = None,
) -> NewKey:
    """Make a key that takes the place of another: the same name, limits and, without `lifetime`, the same lifetime.

    The old key opens the API until the overlap is over, or until its own end where that comes first. What the old key
    created belongs to the new one. WrongStatus where the old key opens nothing any more or was rotated before; else as
    `create_key`. With the `idempotency` of the same request before, the answer is the key that it made.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        now = await tx.now()
        if isinstance(source, SentAgain) and await result_before(tx, idempotency, source.key_id) is not None:
            return NewKey(await tx.keys.find(source.key_id), key_text(source.key_id, source.secret))
        by.refuse_stale_sign_in(now)
        old = await tx.keys.find(wanted)
        refuse_outdated(shown, key_facts(old, old.status(now)))
        if not old.is_valid(now) or old.replaced_by is not None:
            status = old.status(now) if old.replaced_by is None else f"replaced by key {old.replaced_by}"
            raise WrongStatus(f"Key {old.id} is {status}: there is nothing to rotate. `muster key create` makes a key.")
        if lifetime is None and by.key_id is None and not old.end_by_upgrade:
            lifetime = min(old.expires_at - old.created_at, app.longest_key)
        made = await _add(
            app, tx, old.grant, name=old.name, lifetime=lifetime, by=by, reason=reason, now=now, source=source
        )
        ends_at = min(old.expires_at, now + overlap)
        await tx.keys.replace(old.id, by=made.key.id, ends_at=ends_at)
        await tx.creations.hand_over(old.id, to=made.key.id)
        facts: dict[str, object] = {"name": old.name, "replacedBy": made.key.id, "expiresAt": rfc3339(ends_at)}
        await tx.audit.write(by, "key.rotated", old.id, reason=reason, facts=facts, now=now)
    log.info("key.rotated", key=old.id, replaced_by=made.key.id, by=by.name)
    return made


async def list_keys(app: App) -> tuple[list[ApiKey], datetime]:
    """Every key there is or was, the newest first, and the time by which they are to be judged."""
    async with app.store.reading() as tx:
        return await tx.keys.all(), await tx.now()


async def describe_key(app: App, wanted: str) -> KeyView:
    """One key and what it created, also by way of keys that it created; UnknownKey where there is none."""
    async with app.store.reading() as tx:
        key, now = await tx.keys.find(wanted), await tx.now()
        return KeyView(key, await creations_of(tx, key.id, now=now), now)


async def holder_of(app: App, text: str, *, origin: str) -> Actor | None:
    """The caller that presents this key; None where the key opens nothing. Records when and from where it is used."""
    parts = key_parts(text)
    if parts is None:
        return None
    key_id, secret = parts
    async with app.store.reading() as tx:
        found = await tx.keys.with_hash(key_id)
        now = await tx.now()
    if found is None or not opens(found, secret, now):
        return None
    key, _ = found
    used = timedelta.max if key.last_used_at is None else now - key.last_used_at
    if used >= _USE_NOTED_EVERY or (key.last_used_from != origin and used >= _MOVE_NOTED_EVERY):
        async with app.store.transaction() as tx:
            await tx.keys.mark_used(key.id, origin=origin, now=now)
    return Actor(f"key:{key.name}", origin, key.grant, key.id)


def key_parts(text: str) -> tuple[str, str] | None:
    """The id and the secret of a key; None for a text that is no key."""
    parts = _KEY.fullmatch(text)
    return None if parts is None else (parts["id"], parts["secret"])


def failed_key_words(text: str) -> str:
    """The reason in the audit log for a key that opened nothing: names the id where there is one, never the secret."""
    parts = key_parts(text)
    return "Text that is no key was sent." if parts is None else f"Key {parts[0]} opens nothing."


def opens(found: tuple[ApiKey, str], secret: str, now: datetime) -> bool:
    """Whether this secret is that of the stored key, and the key is valid at that moment."""
    key, secret_hash = found
    return hmac.compare_digest(secret_hash, _hash(secret)) and key.is_valid(now)


async def _add(
    app: App,
    tx: Transaction,
    grant: Grant,
    *,
    name: str,
    lifetime: timedelta | None,
    by: Actor,
    reason: str | None,
    now: datetime,
    source: ShownLater | SentAgain | None,
) -> NewKey:
    if not by.grant.covers(grant):
        raise NotPermitted("A key makes no key that may do more than it may itself.")
    creator_ends = None if by.key_id is None else (await tx.keys.find(by.key_id)).expires_at
    end = end_of_key(lifetime, longest=app.longest_key, creator_ends=creator_ends, now=now)
    key_id = (source and source.key_id) or "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    secret = secrets.token_urlsafe(32) if source is None else source.secret
    key = ApiKey(key_id, name, grant, by.name, now, end, creator=by.caller)
    if not await tx.keys.add(key, _hash(secret)):
        there = await tx.keys.find(key_id)
        if (there.name, there.grant, there.creator) != (name, grant, by.caller):
            raise IdempotencyConflict(source.idempotency_key if isinstance(source, SentAgain) else "of the form")
        return NewKey(there, key_text(key_id, secret))
    if isinstance(source, ShownLater):
        until = now + SHOWN_WITHIN
        await tx.keys.store_for_display(key.id, source.session_hash, source.nonce, expires_at=until, now=now)
    await tx.audit.write(by, "key.created", key.id, reason=reason, facts=_facts(key), now=now)
    log.info("key.created", key=key.id, role=grant.role, by=by.name)
    return NewKey(key, key_text(key_id, secret))


def key_id_of(digest: bytes) -> str:
    """The id of a key that follows from this digest."""
    return "".join(ID_ALPHABET[each % len(ID_ALPHABET)] for each in digest[:ID_LENGTH])


def key_text(key_id: str, secret: str) -> str:
    """The key as its owner sends it."""
    return f"muster_{key_id}_{secret}"


def _hash(secret: str) -> str:
    # 256 bits of chance need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def _facts(key: ApiKey) -> dict[str, object]:
    grant = key.grant
    facts: dict[str, object] = {"name": key.name, "role": grant.role, "expiresAt": rfc3339(key.expires_at)}
    if grant.ceiling is not None:
        facts["ceiling"] = grant.ceiling
    if grant.actions is not None:
        facts["actions"] = sorted(grant.actions)
    if grant.tenants is not None:
        facts["tenants"] = sorted(grant.tenants)
    return facts


_KEY = re.compile(rf"muster_(?P<id>[{ID_ALPHABET}]{{{ID_LENGTH}}})_(?P<secret>[\w-]{{43}})", re.ASCII)
