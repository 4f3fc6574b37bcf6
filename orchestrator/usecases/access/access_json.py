"""Keys and deeds as JSON, the same from the command line and the API; pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrator.domain.access import AuditEntry
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
    """Returns what a key or a person created and is still in force."""
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


def audit_entry_object(audit_entry: AuditEntry) -> dict[str, Any]:
    """One line of the audit log."""
    return {
        "number": audit_entry.number,
        "at": rfc3339(audit_entry.at),
        "who": audit_entry.who,
        "from": audit_entry.place,
        "commandLine": audit_entry.is_command_line,
        "what": audit_entry.what,
        "subject": audit_entry.subject,
        "reason": audit_entry.reason,
        "facts": dict(audit_entry.facts),
    }
