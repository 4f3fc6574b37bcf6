"""Sessions of people in the dashboard: begun, recognised and ended; of the secret only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog

from orchestrator.domain.access import Asker
from orchestrator.store.sessions import StoredSession
from orchestrator.usecases.app import App

log = structlog.get_logger()

LIFETIME = timedelta(hours=12)
"""A working day: then a person signs in again, and their role is read anew."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who is signed in."""

    asker: Asker
    session: StoredSession


async def begin_session(app: App, asker: Asker, *, way: str) -> str:
    """Sign somebody in; the secret is for their browser alone."""
    secret = secrets.token_urlsafe(32)
    async with app.store.transaction() as tx:
        now = await tx.now()
        session = StoredSession(asker.name, asker.grant, now + LIFETIME, asker.key_id)
        await tx.sessions.add(_hash(secret), session, now=now)
        await tx.audit.write(asker, "session.begun", None, facts={"way": way, "role": asker.grant.role}, now=now)
    log.info("session.begun", who=asker.name, role=asker.grant.role, way=way)
    return secret


async def session_of(app: App, secret: str, *, origin: str) -> Signed | None:
    """Who is signed in with this secret, None where nobody is (any more)."""
    async with app.store.reading() as tx:
        session = await tx.sessions.find(_hash(secret), now=await tx.now())
    if session is None:
        return None
    return Signed(Asker(session.name, origin, session.grant, session.key_id), session)


async def end_session(app: App, secret: str, *, by: Asker) -> None:
    """Sign somebody out; doing it twice is doing it once."""
    async with app.store.transaction() as tx:
        if await tx.sessions.remove(_hash(secret)):
            await tx.audit.write(by, "session.ended", None, now=await tx.now())
            log.info("session.ended", who=by.name)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
