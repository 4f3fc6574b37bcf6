"""Keys, sessions and audit entries as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from typing_extensions import TypedDict

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.figures import rfc3339
from orchestrator.domain.keys import ApiKey, Creations
from orchestrator.domain.sessions import Session, Way
from orchestrator.views.description import Description


class KeyFacts(TypedDict):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    ceiling: int | None
    actions: list[Action] | None
    tenants: list[str] | None
    status: str
    createdBy: str
    createdAt: str
    expiresAt: str | None
    lastUsedAt: str | None
    lastUsedFrom: str | None
    revokedAt: str | None
    replacedBy: str | None
    endByUpgrade: bool


class CreationsFacts(TypedDict):
    """The creations of a key that are in force: valid keys, schedules, unfinished jobs."""

    keys: list[str]
    schedules: list[str]
    jobs: list[str]


class KeyWithCreations(KeyFacts):
    """A key and what it created, also by way of keys that it created."""

    created: CreationsFacts


class NewKeyFacts(KeyFacts):
    """A key that was just made: `key` is what to send, and it is shown this once."""

    key: str


_Origin = TypedDict("_Origin", {"from": str})


class SessionFacts(_Origin):
    """A person who is signed in to the dashboard. `checkedAt` is when Entra ID last confirmed the role."""

    id: str
    name: str
    personId: str | None
    keyId: str | None
    role: Role
    way: Way
    createdAt: str
    signedInAt: str
    lastSeenAt: str
    checkedAt: str | None
    expiresAt: str


_Place = TypedDict(
    "_Place", {"from": Annotated[str, Description("An address; for the command line the words for it.")]}
)


class AuditEntryFacts(_Place):
    """One line of the audit log."""

    number: int
    at: str
    who: str
    commandLine: bool
    what: str
    subject: str | None
    reason: str | None
    facts: dict[str, Any]


def key_object(key: ApiKey, now: datetime) -> KeyFacts:
    """Returns a key without its secret."""
    grant = key.grant
    return {
        "id": key.id,
        "name": key.name,
        "role": grant.role,
        "ceiling": grant.ceiling,
        "actions": None if grant.actions is None else sorted(grant.actions),
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


def key_with_creations(key: ApiKey, created: Creations, now: datetime) -> KeyWithCreations:
    """Returns a key with what it created that is still in force."""
    made: CreationsFacts = {"keys": [*created.keys], "schedules": [*created.schedules], "jobs": [*created.jobs]}
    return {**key_object(key, now), "created": made}


def session_object(session: Session) -> SessionFacts:
    """Returns a session as an admin may see it; its id opens nothing."""
    return {
        "id": session.id,
        "name": session.name,
        "personId": session.person_id,
        "keyId": session.key_id,
        "role": session.grant.role,
        "way": session.way,
        "from": session.origin,
        "createdAt": rfc3339(session.created_at),
        "signedInAt": rfc3339(session.signed_in_at),
        "lastSeenAt": rfc3339(session.seen_at),
        "checkedAt": rfc3339(session.checked_at),
        "expiresAt": rfc3339(session.expires_at),
    }


def audit_entry_object(entry: AuditEntry) -> AuditEntryFacts:
    """Returns one line of the audit log as it is shown."""
    return {
        "number": entry.number,
        "at": rfc3339(entry.at),
        "who": entry.who,
        "from": entry.place,
        "commandLine": entry.is_command_line,
        "what": entry.what,
        "subject": entry.subject,
        "reason": entry.reason,
        "facts": dict(entry.facts),
    }
