"""Sessions of people in the dashboard: begun, recognised, checked against the directory, and ended."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import MusterError, NotPermitted, SignInRefused
from orchestrator.domain.people import Identified, Limits, grant_of_person
from orchestrator.domain.sessions import CHECKED_EVERY, LIFETIME, Session, Way
from orchestrator.store.access.sessions import ID_LENGTH
from orchestrator.store.engine.sealing import seal, unseal
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.person_sign_in import Provider

log = get_logger(__name__)

_PATIENCE = 8.0
"""Seconds that a request waits for the directory."""

_LEASE = timedelta(seconds=15)
_ASKED_AGAIN = timedelta(seconds=30)
"""How soon the directory is asked again after it could not be reached."""

_SEEN_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Directory:
    """Through whom people sign in, and what the operators among them may do at most."""

    provider: Provider | None
    limits: Limits = field(default_factory=Limits)


async def begin_session(app: App, actor: Actor, *, way: Way, refresh_token: str | None = None) -> str:
    """Sign a person in; the secret that is returned is for their browser alone.

    The refresh token, with which the directory is asked about the role again, is kept sealed under the secret.
    """
    secret = secrets.token_urlsafe(32)
    async with app.store.transaction() as tx:
        now = await tx.now()
        is_checked = way is Way.ENTRA
        session = Session(
            id=hash_of_session(secret)[:ID_LENGTH],
            name=actor.name,
            grant=actor.grant,
            way=way,
            origin=actor.origin,
            created_at=now,
            expires_at=now + LIFETIME,
            signed_in_at=actor.signed_in_at or now,
            seen_at=now,
            key_id=actor.key_id,
            person_id=actor.person_id,
            checked_at=now if is_checked else None,
            next_check_at=now + CHECKED_EVERY if is_checked else None,
        )
        sealed = None if refresh_token is None else seal(refresh_token, secret)
        await tx.sessions.add(hash_of_session(secret), session, sealed=sealed)
        facts = {"way": way.value, "role": actor.grant.role}
        await tx.audit.write(actor, "session.begun", None, facts=facts, now=now)
    log.info("session.begun", who=actor.name, role=actor.grant.role, way=way.value)
    return secret


async def session_of(app: App, secret: str, *, directory: Directory) -> Session | None:
    """The session of this secret; None where it has ended.

    Where the last answer of the directory is older than ten minutes, the directory is asked first.
    """
    secret_hash = hash_of_session(secret)
    async with app.store.reading() as tx:
        now = await tx.now()
        found = await tx.sessions.find(secret_hash, now=now)
    if found is None:
        return None
    session, sealed = found
    if session.is_check_due(now):
        async with app.store.transaction() as tx:
            is_ours = await tx.sessions.claim_check(secret_hash, now=now, lease=_LEASE)
        if is_ours:
            token = None if sealed is None else unseal(sealed, secret)
            return await _check(app, session, secret, token, directory)
        if session.must_wait_for_check(now):
            return await _checked_by_another(app, secret_hash)
    elif session.is_out_of_grace(now):
        await _end(app, secret_hash, session, "Entra ID could not be asked about the role for an hour")
        return None
    if now - session.seen_at >= _SEEN_NOTED_EVERY:
        async with app.store.transaction() as tx:
            await tx.sessions.mark_seen(secret_hash, now=now)
    return session


async def end_session(app: App, secret: str, *, by: Actor) -> None:
    """Sign a person out; doing it twice is doing it once."""
    async with app.store.transaction() as tx:
        if await tx.sessions.remove(hash_of_session(secret)):
            await tx.audit.write(by, "session.ended", None, now=await tx.now())
            log.info("session.ended", who=by.name)


async def _check(app: App, session: Session, secret: str, token: str | None, directory: Directory) -> Session | None:
    """The session after the directory was asked; None where it no longer confirms the role."""
    secret_hash = hash_of_session(secret)
    try:
        renewed = await _renewed(directory.provider, token, session)
        grant = grant_of_person(renewed.person, directory.limits)
    except (SignInRefused, NotPermitted) as refusal:
        await _end(app, secret_hash, session, str(refusal))
        return None
    except (MusterError, TimeoutError) as problem:
        log.warning("session.unchecked", who=session.name, reason=str(problem) or "no answer in time")
        return await _postpone(app, secret_hash, session)
    async with app.store.transaction() as tx:
        now = await tx.now()
        sealed = seal(renewed.refresh_token or token or "", secret)
        await tx.sessions.confirm(
            secret_hash,
            name=renewed.person.name,
            grant=grant,
            sealed=sealed,
            now=now,
            next_check_at=now + CHECKED_EVERY,
        )
        if grant != session.grant:
            facts = {"from": session.grant.role, "to": grant.role}
            await tx.audit.write(session.actor(session.origin), "session.role_changed", None, facts=facts, now=now)
        found = await tx.sessions.find(secret_hash, now=now)
    return None if found is None else found[0]


async def _renewed(provider: Provider | None, token: str | None, session: Session) -> Identified:
    """The directory's present answer about the person; SignInRefused where the person is no longer let in."""
    if provider is None or token is None:
        raise SignInRefused("Entra ID can no longer be asked about the role: sign in again.")
    async with asyncio.timeout(_PATIENCE):
        renewed = await provider.renew(token)
    if renewed.person.id != session.person_id:
        raise SignInRefused("Entra ID answered for another person.")
    return renewed


async def _postpone(app: App, secret_hash: str, session: Session) -> Session | None:
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.sessions.postpone_check(secret_hash, until=now + _ASKED_AGAIN)
    if session.is_out_of_grace(now):
        await _end(app, secret_hash, session, "Entra ID could not be asked about the role for an hour")
        return None
    return session


async def _checked_by_another(app: App, secret_hash: str) -> Session | None:
    """The session once another request has asked the directory; as it is where that takes too long."""
    until = app.clock.monotonic() + _PATIENCE + 1
    while True:
        async with app.store.reading() as tx:
            now = await tx.now()
            found = await tx.sessions.find(secret_hash, now=now)
        if found is None:
            return None
        session, _ = found
        if not session.is_check_due(now):
            return session
        if app.clock.monotonic() >= until:
            return None if session.is_out_of_grace(now) else session
        await app.clock.sleep(0.25)


async def _end(app: App, secret_hash: str, session: Session, reason: str) -> None:
    async with app.store.transaction() as tx:
        if await tx.sessions.remove(secret_hash):
            by = session.actor(session.origin)
            now: datetime = await tx.now()
            await tx.audit.write(by, "session.ended", None, reason=reason, facts={"way": session.way.value}, now=now)
    log.info("session.ended", who=session.name, reason=reason)


def hash_of_session(secret: str) -> str:
    """Returns the hash of a session's secret, as the database keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()
