"""What goes over the wire; never a domain object."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.sessions import Way
from orchestrator.http.json_model import JsonModel


class KeyFacts(JsonModel):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    ceiling: int | None
    actions: list[Action] | None
    tenants: list[str] | None
    status: str
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    last_used_from: str | None
    revoked_at: str | None
    replaced_by: str | None
    end_by_upgrade: bool


class KeyList(JsonModel):
    """Every key there is or was."""

    items: list[KeyFacts]


class SessionFacts(JsonModel):
    """A person who is signed in to the dashboard. `checkedAt` is when Entra ID last confirmed the role."""

    id: str
    name: str
    person_id: str | None
    key_id: str | None
    role: Role
    way: Way
    from_: str = Field(alias="from")
    created_at: str
    signed_in_at: str
    last_seen_at: str
    checked_at: str | None
    expires_at: str


class SessionList(JsonModel):
    """Every session that opens something, the newest first."""

    items: list[SessionFacts]


class CreationsFacts(JsonModel):
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


class AuditEntryFacts(JsonModel):
    """One line of the audit log."""

    number: int
    at: str
    who: str
    from_: str = Field(alias="from", description="An address; for the command line the words for it.")
    command_line: bool
    what: str
    subject: str | None
    reason: str | None
    facts: dict[str, Any]


class AuditPage(JsonModel):
    """Some of the audit log, the newest first."""

    items: list[AuditEntryFacts]
    next_cursor: str | None


class ListFacts(JsonModel):
    """A saved list as it was imported once."""

    name: str
    version: int
    via: Via
    devices: int
    rows: int
    duplicates: int
    rejected: int
    added: int
    removed: int
    sha256: str | None
    file_name: str | None
    imported_by: str
    imported_at: str


class ImportedList(ListFacts):
    """The version that an import made."""

    ignored: list[str] = Field(description="What was found in the list that is no device and no error.")
    matched: dict[str, int] = Field(description="Rows by what their devices were matched by; empty for a list of ids.")


class SavedLists(JsonModel):
    """Every saved list as it was last imported."""

    items: list[ListFacts]


class ListedDevice(JsonModel):
    """A device of a saved list by its ids, with its name where the inventory knows one."""

    device: str
    name: str | None


class ListChanges(JsonModel):
    """How a version of a list differs from another one; of many devices the first 200 are named."""

    earlier: ListFacts
    later: ListFacts
    added: int
    removed: int
    same: int
    added_devices: list[ListedDevice]
    removed_devices: list[ListedDevice]


class SavedList(ListFacts):
    """One list: how it stands, its versions, and who refers to it."""

    versions: list[ListFacts]
    schedules: list[str]
