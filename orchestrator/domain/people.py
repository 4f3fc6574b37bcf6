"""People whom a directory signs in, and the role that it gives them."""

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
    """A person whom a directory knows, with the app roles that it gave them.

    `id` is TENANT/OBJECT; `signed_in_at` is when the person last proved who they are, where the directory says so.
    """

    name: str
    roles: frozenset[str]
    id: str | None = None
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """A person whom a directory signed in, and the token with which it can be asked about them again."""

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
