"""Entries of the audit log, and refusals, which it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.access import COMMAND_LINE, Actor

SIGN_IN_FAILED = "sign-in.failed"
CHANGE_REFUSED = "change.refused"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change, as the audit log keeps it: who, from where, when, what, on what, and why."""

    number: int
    at: datetime
    who: str
    origin: str
    what: str
    subject: str | None
    reason: str | None
    facts: Mapping[str, object] = field(default_factory=dict)
    is_command_line: bool = False

    @property
    def place(self) -> str:
        """Where it was asked from, for people: an address, or the words for the command line."""
        return COMMAND_LINE if self.is_command_line else self.origin


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sign-in that failed, or a change that was refused; refusals of one kind are counted together."""

    by: Actor
    what: str
    subject: str | None
    reason: str

    @property
    def kind(self) -> str:
        """Failed sign-ins from one address are of one kind, and refused changes of one caller."""
        whose = self.by.origin if self.what == SIGN_IN_FAILED else self.by.caller
        return f"{self.what} {whose}"[:300]
