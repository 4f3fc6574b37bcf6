"""List the sessions of the dashboard, and end them as an admin."""

from __future__ import annotations

import re

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.errors import UnknownSession
from orchestrator.domain.sessions import Session
from orchestrator.store.access.sessions import ID_LENGTH
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def list_sessions(app: App, *, by: Actor, person: str | None = None) -> list[Session]:
    """Every session that opens something, or those of one person, the newest first."""
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.reading() as tx:
        found = await tx.sessions.all(now=await tx.now())
    return [each for each in found if person is None or each.belongs_to(person)]


async def end_sessions(
    app: App,
    *,
    session_id: str | None = None,
    person: str | None = None,
    by: Actor,
    reason: str | None = None,
) -> list[Session]:
    """End one session, all sessions of a person, or every session; each stops at its next request, in every process.

    A person is named as in the list, or as TENANT/OBJECT. UnknownSession where there is no such session or person.
    """
    by.grant.refuse_below(Role.ADMIN)
    if session_id is not None and not re.fullmatch(rf"[0-9a-f]{{{ID_LENGTH}}}", session_id):
        raise UnknownSession(session_id)
    async with app.store.transaction() as tx:
        now = await tx.now()
        found = await tx.sessions.all(now=now)
        if session_id is not None:
            found = [each for each in found if each.id == session_id]
        if person is not None:
            found = [each for each in found if each.belongs_to(person)]
        if not found and (session_id is not None or person is not None):
            raise UnknownSession(session_id or person or "")
        for session in found:
            await tx.sessions.remove_by_id(session.id)
            facts = {"person": session.name, "way": session.way.value}
            await tx.audit.write(by, "session.ended", session.id, reason=reason, facts=facts, now=now)
    log.info("sessions.ended", count=len(found), by=by.name)
    return found
