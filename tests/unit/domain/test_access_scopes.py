"""What a grant with limits may change: nothing that its holder could not have created."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.access import Grant, Role, Scope, scope_of
from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted

QUICK, FULL = Action.QUICK_SCAN, Action.FULL_SCAN
POOR = Grant(Role.OPERATOR, ceiling=2, actions=frozenset({QUICK}), tenants=frozenset({"north"}))


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (scope_of(QUICK, "north", 3), "2 devices in one job, and these are 3"),
        (scope_of(FULL, "north", 1), "quickScan, and not fullScan"),
        (scope_of(QUICK, "south", 1), "This belongs to south"),
        (scope_of(QUICK, "north", 2) | scope_of(QUICK, "south", 1), "This belongs to south"),
        (scope_of(QUICK, "north", 1) | Scope(devices=9), "these are 9"),
    ],
)
def test_a_change_beyond_any_limit_is_refused(scope: Scope, words: str) -> None:
    with pytest.raises(NotPermitted, match=words):
        POOR.refuse_change(scope)


@pytest.mark.parametrize("scope", [Scope(), scope_of(QUICK, "north", 2), Scope(devices=2)])
def test_a_change_within_the_limits_is_not_refused(scope: Scope) -> None:
    POOR.refuse_change(scope)


def test_a_viewer_changes_nothing_however_small() -> None:
    with pytest.raises(NotPermitted, match="takes the role operator"):
        Grant(Role.VIEWER).refuse_change(Scope())


grants = st.builds(
    Grant,
    st.sampled_from(Role),
    st.none() | st.integers(1, 5),
    st.none() | st.frozensets(st.sampled_from([QUICK, FULL])),
    st.none() | st.frozensets(st.sampled_from(["north", "south"])),
)
scopes = st.builds(
    Scope,
    st.frozensets(st.sampled_from([QUICK, FULL])),
    st.frozensets(st.sampled_from(["north", "south"])),
    st.integers(0, 6),
)


def allows(grant: Grant, scope: Scope) -> bool:
    try:
        grant.refuse_change(scope)
    except NotPermitted:
        return False
    return True


@given(grants, grants, scopes)
def test_a_grant_that_covers_another_allows_all_that_the_other_allows(one: Grant, other: Grant, scope: Scope) -> None:
    if one.covers(other) and allows(other, scope):
        assert allows(one, scope)


@given(grants, scopes, scopes)
def test_a_change_of_two_things_takes_leave_for_both(grant: Grant, one: Scope, other: Scope) -> None:
    assert allows(grant, one | other) == (allows(grant, one) and allows(grant, other))
