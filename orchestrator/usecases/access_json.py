"""Keys and deeds as JSON, the same from the command line and the API; pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrator.domain.access import Deed
from orchestrator.domain.figures import rfc3339
from orchestrator.domain.keys import ApiKey, Creations
from orchestrator.domain.sessions import Session


def key_object(key: ApiKey, now: datetime) -> dict[str, Any]:
    """A key as everybody may see it."""
    grant = key.grant
    return {
        "id": key.id,
        "name": key.name,
        "role": grant.role.value,
        "ceiling": grant.ceiling,
        "actions": None if grant.actions is None else sorted(action.value for action in grant.actions),
        "tenants": None if grant.tenants is None else sorted(grant.tenants),
        "status": key.status(now),
        "createdBy": key.created_by,
        "createdAt": rfc3339(key.created_at),
        "expiresAt": rfc3339(key.expires_at),
        "lastUsedAt": rfc3339(key.last_used_at),
        "lastUsedFrom": key.last_used_from,
        "revokedAt": rfc3339(key.revoked_at),
        "replacedBy": key.replaced_by,
        "endByUpgrade": key.end_by_upgrade,
    }


def creations_object(created: Creations) -> dict[str, Any]:
    """What a key or a person created and is still in force."""
    return {"keys": [*created.keys], "schedules": [*created.schedules], "jobs": [*created.jobs]}


def session_object(session: Session) -> dict[str, Any]:
    """A session as an admin may see it; its id opens nothing."""
    return {
        "id": session.id,
        "name": session.name,
        "personId": session.person_id,
        "keyId": session.key_id,
        "role": session.grant.role.value,
        "way": session.way.value,
        "from": session.origin,
        "createdAt": rfc3339(session.created_at),
        "signedInAt": rfc3339(session.signed_in_at),
        "lastSeenAt": rfc3339(session.seen_at),
        "checkedAt": rfc3339(session.checked_at),
        "expiresAt": rfc3339(session.expires_at),
    }


def deed_object(deed: Deed) -> dict[str, Any]:
    """One line of the audit log."""
    return {
        "number": deed.number,
        "at": rfc3339(deed.at),
        "who": deed.who,
        "from": deed.place,
        "commandLine": deed.is_command_line,
        "what": deed.what,
        "subject": deed.subject,
        "reason": deed.reason,
        "facts": dict(deed.facts),
    }
