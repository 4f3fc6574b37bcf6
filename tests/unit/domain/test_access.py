from __future__ import annotations

import pytest

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted


@pytest.mark.parametrize(("has", "wants"), [(has, wants) for has in Role for wants in Role])
def test_a_role_may_all_that_the_ones_before_it_may(has: Role, wants: Role) -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]

    assert has.includes(wants) == (order.index(has) >= order.index(wants))


def test_a_viewer_may_ask_for_no_action() -> None:
    with pytest.raises(NotPermitted, match="takes the role operator"):
        Grant(Role.VIEWER).refuse_action(Action.REFRESH_USER_POLICY)


def test_an_operator_may_ask_for_what_is_on_the_list_only() -> None:
    grant = Grant(Role.OPERATOR, actions=frozenset({Action.REFRESH_USER_POLICY}))

    grant.refuse_action(Action.REFRESH_USER_POLICY)
    with pytest.raises(NotPermitted, match="refreshUserPolicy, and not fullScan"):
        grant.refuse_action(Action.FULL_SCAN)


def test_a_ceiling_may_be_reached_and_not_passed() -> None:
    grant = Grant(Role.OPERATOR, ceiling=1000)

    grant.refuse_devices(1000)
    with pytest.raises(NotPermitted, match="1,000 devices in one job, and these are 1,001"):
        grant.refuse_devices(1001)
