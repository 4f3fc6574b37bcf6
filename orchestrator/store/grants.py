"""A grant as four columns, the same wherever one is kept."""

from __future__ import annotations

import json

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.store.rows import AnyRow


def grant_columns(grant: Grant) -> dict[str, str | int | None]:
    """Into a row."""
    actions = None if grant.actions is None else json.dumps(sorted(grant.actions))
    tenants = None if grant.tenants is None else json.dumps(sorted(grant.tenants))
    return {"role": grant.role, "ceiling": grant.ceiling, "actions": actions, "tenants": tenants}


def grant_of(row: AnyRow) -> Grant:
    """Out of it."""
    actions = None if row.actions is None else frozenset(map(Action, json.loads(row.actions)))
    tenants = None if row.tenants is None else frozenset(map(str, json.loads(row.tenants)))
    return Grant(Role(row.role), row.ceiling, actions, tenants)
