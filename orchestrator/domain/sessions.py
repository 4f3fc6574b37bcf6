"""Sessions of people in the dashboard: how long they last, and when the directory is asked about a role again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.access import Actor, Grant

LIFETIME = timedelta(hours=12)
"""A working day: then a person signs in again."""

CHECKED_EVERY = timedelta(minutes=10)
"""How often the directory is asked whether a person still has their role: at the first request after so long."""

ROLE_GOOD_FOR = timedelta(minutes=15)
"""How old an answer of the directory may be while it can be asked: a role that was taken away is gone by then."""

GRACE = timedelta(hours=1)
"""How old an answer may be while the directory cannot be reached: then the session ends."""


class Way(StrEnum):
    """How a person signed in: by the one-time link of an embedded service, with a key, or through Entra ID."""

    LINK = "link"
    KEY = "key"
    ENTRA = "entra"


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in. `id` names the session in lists and opens nothing; `key_id` is the key they came with.

    `signed_in_at` is when the person last proved who they are. `checked_at` is when the directory last confirmed the
    role, `next_check_at` when it is asked again; both are None for sessions that need no directory.
    """

    id: str
    name: str
    grant: Grant
    way: Way
    origin: str
    created_at: datetime
    expires_at: datetime
    signed_in_at: datetime
    seen_at: datetime
    key_id: str | None = None
    person_id: str | None = None
    checked_at: datetime | None = None
    next_check_at: datetime | None = None

    def actor(self, origin: str) -> Actor:
        """The person, asking from this address."""
        return Actor(self.name, origin, self.grant, self.key_id, self.person_id, self.signed_in_at)

    def is_check_due(self, now: datetime) -> bool:
        """Whether the directory is to be asked about the role."""
        return self.next_check_at is not None and now >= self.next_check_at

    def must_wait_for_check(self, now: datetime) -> bool:
        """Whether the last answer of the directory is too old to go on with while another request asks."""
        return self.checked_at is not None and now - self.checked_at >= ROLE_GOOD_FOR

    def is_out_of_grace(self, now: datetime) -> bool:
        """Whether the directory has been away for so long that the role counts as lost."""
        return self.checked_at is not None and now - self.checked_at >= GRACE

    def belongs_to(self, person: str) -> bool:
        """Whether this is a session of the person of that name (in any letter case) or TENANT/OBJECT."""
        return person.casefold() in {self.name.casefold(), (self.person_id or self.name).casefold()}
