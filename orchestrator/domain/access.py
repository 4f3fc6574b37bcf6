"""Actors, their origin, and their grants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted, SignInTooOld


class Role(StrEnum):
    """A role; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        return _ORDER[self] >= _ORDER[other]

    @property
    def described(self) -> str:
        """One sentence for people: what it may do."""
        return _DESCRIPTIONS[self]


@dataclass(frozen=True, slots=True)
class Scope:
    """The reach of a change: actions, tenants, and the devices of the largest job or list that the change touches."""

    actions: frozenset[Action] = frozenset()
    tenants: frozenset[str] = frozenset()
    devices: int = 0

    def __or__(self, other: Scope) -> Scope:
        """The scope of a change that touches both."""
        return Scope(self.actions | other.actions, self.tenants | other.tenants, max(self.devices, other.devices))


def scope_of(action: Action, tenant: str, devices: int) -> Scope:
    """The scope of a change of one job, or of one schedule."""
    return Scope(frozenset({action}), frozenset({tenant}), devices)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role and its limits: at most `ceiling` devices a job, these actions and these tenants; None is no limit."""

    role: Role
    ceiling: int | None = None
    actions: frozenset[Action] | None = None
    tenants: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether any limit narrows the role."""
        return not (self.ceiling is None and self.actions is None and self.tenants is None)

    @property
    def allowed_actions(self) -> list[Action]:
        """The actions that may be asked of a device."""
        return [action for action in Action if self.actions is None or action in self.actions]

    def refuse_below(self, role: Role) -> None:
        """NotPermitted where it takes a greater role."""
        if not self.role.includes(role):
            raise NotPermitted(f"This takes the role {role}, and you are {self.role}. Ask an admin of this Muster.")

    def refuse_action(self, action: Action) -> None:
        """NotPermitted where this action may not be asked of any device."""
        self.refuse_below(Role.OPERATOR)
        if self.actions is not None and action not in self.actions:
            raise NotPermitted(f"You may ask for {', '.join(sorted(self.actions)) or 'no action'}, and not {action}.")

    def refuse_tenant(self, tenant: str) -> None:
        """NotPermitted where nothing of this tenant may be changed."""
        self.refuse_below(Role.OPERATOR)
        if self.tenants is not None and tenant not in self.tenants:
            allowed = ", ".join(sorted(self.tenants)) or "none"
            raise NotPermitted(f"You may change what belongs to these tenants: {allowed}. This belongs to {tenant}.")

    def refuse_devices(self, count: int) -> None:
        """NotPermitted where so many devices are too many for one job."""
        if self.ceiling is not None and count > self.ceiling:
            raise NotPermitted(f"You may ask {self.ceiling:,} devices in one job, and these are {count:,}.")

    def refuse_change(self, scope: Scope) -> None:
        """NotPermitted for a change of anything that the holder of this grant could not have created.

        Every use case that creates, changes, steers or removes a job, a list, a schedule or a blackout asks this.
        """
        self.refuse_below(Role.OPERATOR)
        for action in sorted(scope.actions):
            self.refuse_action(action)
        for tenant in sorted(scope.tenants):
            self.refuse_tenant(tenant)
        self.refuse_devices(scope.devices)

    def covers(self, other: Grant) -> bool:
        """Whether the holder of this grant may do everything that the other grant allows."""
        return (
            self.role.includes(other.role)
            and (self.ceiling is None or (other.ceiling is not None and other.ceiling <= self.ceiling))
            and (self.actions is None or (other.actions is not None and other.actions <= self.actions))
            and (self.tenants is None or (other.tenants is not None and other.tenants <= self.tenants))
        )


FREE = Grant(Role.ADMIN)
"""Actors that can write to the database anyway: the command line, a clock."""


FRESH_SIGN_IN = timedelta(minutes=10)
"""How old a sign-in may be for what outlives the session, such as a key."""


COMMAND_LINE = "command line"
"""The address of an actor who reaches the database without the API."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, key or clock that asks, as the audit log names it; `key_id` is the API key that was used.

    `origin` is the address that the request came from; on the command line it is empty, and `is_command_line` says so.

    `person_id` is the directory's tenant id and object id of a person ("TENANT/OBJECT"): names change, these do not.
    `signed_in_at` is when a person last proved who they are; a key and the command line prove it with each request.
    """

    name: str
    origin: str
    grant: Grant = FREE
    key_id: str | None = None
    person_id: str | None = None
    signed_in_at: datetime | None = None
    is_command_line: bool = False

    def refuse_stale_sign_in(self, now: datetime) -> None:
        """SignInTooOld where a person signed in more than ten minutes ago: what they make now outlives the session."""
        if self.signed_in_at is not None and now - self.signed_in_at > FRESH_SIGN_IN:
            raise SignInTooOld(
                "Creating or changing a key takes a sign-in that is younger than ten minutes. Sign in again, then "
                "repeat it."
            )

    @property
    def caller(self) -> str:
        """A name that no other actor has; keys may share names, and all users of the command line are one actor."""
        if self.is_command_line:
            return COMMAND_LINE
        return f"person {self.person_id or self.name}" if self.key_id is None else caller_of_key(self.key_id)


def on_command_line(name: str) -> Actor:
    """The person on the command line, who may do everything: they can reach the database itself."""
    return Actor(name, "", is_command_line=True)


def caller_of_key(key_id: str) -> str:
    """The caller that a key is, as schedules, jobs and keys keep it for their creator."""
    return f"{_KEY} {key_id}"


def key_of_caller(caller: str | None) -> str | None:
    """The id of the key that a caller is; None where the caller is no key."""
    kind, _, key_id = (caller or "").partition(" ")
    return key_id if kind == _KEY else None


_ORDER = {role: place for place, role in enumerate(Role)}
_DESCRIPTIONS = {
    Role.VIEWER: "sees everything and changes nothing",
    Role.OPERATOR: "also submits jobs and steers them",
    Role.ADMIN: "also makes keys and reads the audit log",
}
_KEY = "key"
