"""A grant as four columns, the same wherever one is kept."""

from __future__ import annotations

import json

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.errors import RowUnreadable
from orchestrator.store.engine.stored_json import stored_list, stored_member
from orchestrator.store.rows.access import KeyRow, SessionRow


def grant_columns(grant: Grant) -> dict[str, str | int | None]:
    """Returns the columns of a grant."""
    actions = None if grant.actions is None else json.dumps(sorted(grant.actions))
    tenants = None if grant.tenants is None else json.dumps(sorted(grant.tenants))
    return {"role": grant.role, "ceiling": grant.ceiling, "actions": actions, "tenants": tenants}


def grant_of(row: KeyRow | SessionRow) -> Grant:
    """The grant in a row of a key or a session; RowUnreadable where its role is none.

    A limit that cannot be read allows nothing.
    """
    role = stored_member(Role, row.role, "keys.role")
    if role is None:
        raise RowUnreadable("a key or a session")
    ceiling = row.ceiling if isinstance(row.ceiling, int | None) else 0
    allowed = stored_list(row.actions, "keys.actions") or ()
    actions = None if row.actions is None else frozenset(Action(each) for each in allowed if each in _ACTIONS)
    tenants = None if row.tenants is None else frozenset(map(str, stored_list(row.tenants, "keys.tenants") or ()))
    return Grant(role, ceiling, actions, tenants)


_ACTIONS = tuple(Action)
