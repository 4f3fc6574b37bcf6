from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.access import ApiKey, Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "valid"),
        ({"expires_at": NOW + timedelta(seconds=1)}, "valid"),
        ({"expires_at": NOW}, "expired"),
        ({"revoked_at": NOW}, "revoked"),
        ({"expires_at": NOW, "revoked_at": NOW}, "revoked"),
    ],
)
def test_a_key_opens_until_it_expires_or_is_revoked(changes: dict[str, datetime], status: str) -> None:
    key = ApiKey("id", "portal", Grant(Role.VIEWER), "somebody", NOW, **changes)

    assert key.status(NOW) == status
    assert key.is_valid(NOW) == (status == "valid")
