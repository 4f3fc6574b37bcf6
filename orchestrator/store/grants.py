"""A grant as four columns, the same wherever one is kept."""

from __future__ import annotations

import json

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.store.kept_json import kept_list
from orchestrator.store.rows import AnyRow


def grant_columns(grant: Grant) -> dict[str, str | int | None]:
    """Into a row."""
    actions = None if grant.actions is None else json.dumps(sorted(grant.actions))
    tenants = None if grant.tenants is None else json.dumps(sorted(grant.tenants))
    return {"role": grant.role, "ceiling": grant.ceiling, "actions": actions, "tenants": tenants}


def grant_of(row: AnyRow) -> Grant:
    """Out of it."""
    # A limit that cannot be read allows nothing.
    allowed = kept_list(row.actions, "keys.actions") or ()
    actions = None if row.actions is None else frozenset(Action(each) for each in allowed if each in _ACTIONS)
    tenants = None if row.tenants is None else frozenset(map(str, kept_list(row.tenants, "keys.tenants") or ()))
    return Grant(Role(row.role), row.ceiling, actions, tenants)


_ACTIONS = tuple(Action)
