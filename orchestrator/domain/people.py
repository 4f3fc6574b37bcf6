"""People who sign in through a directory, and their roles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted

APP_ROLES = {Role.VIEWER: "Muster.Viewer", Role.OPERATOR: "Muster.Operator", Role.ADMIN: "Muster.Admin"}
"""The names of the app roles that an app registration gives to people."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a directory, with their app roles.

    `id` is TENANT/OBJECT; `signed_in_at` is when the person last proved who they are, where the directory says so.
    """

    name: str
    roles: frozenset[str]
    id: str | None = None
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """A person who signed in, and the token that renews their roles."""

    person: Person
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every operator who signs in through the directory."""

    ceiling: int | None = None
    actions: frozenset[Action] | None = None
    tenants: frozenset[str] | None = None


def grant_of_person(person: Person, limits: Limits) -> Grant:
    """The role of a person by their greatest app role; NotPermitted where they have none of ours."""
    for role in reversed([*Role]):
        if APP_ROLES[role] in person.roles:
            if role is Role.OPERATOR:
                return Grant(role, limits.ceiling, limits.actions, limits.tenants)
            return Grant(role)
    raise NotPermitted(
        f"{person.name} has no role here. An administrator of the directory can assign one of "
        f"{', '.join(APP_ROLES.values())} to them in the app's users and groups."
    )
