"""When an inventory is due to be refreshed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.recurrence import Cron
from orchestrator.inventory.refresh_when_due import is_due
from orchestrator.settings.load import load_settings

NIGHTLY = Cron("0 1 * * *", "UTC")


@pytest.mark.parametrize(("hour", "due"), [(0, False), (1, True), (23, True)])
def test_a_nightly_refresh_is_due_from_its_moment_on(hour: int, *, due: bool) -> None:
    last = datetime(2026, 11, 27, 12, tzinfo=UTC)

    assert is_due(NIGHTLY, last, datetime(2026, 11, 28, hour, 30, tzinfo=UTC)) is due


def test_the_setting_belongs_to_a_tenant_and_a_wrong_one_is_refused() -> None:
    tenant = {"MUSTER_ACCESS_TOKEN": "token"}

    given = load_settings({**tenant, "MUSTER_INVENTORY_REFRESH": "0 1 * * *"}).tenants["default"]

    assert given.inventory_refresh == NIGHTLY
    with pytest.raises(SettingsInvalid, match="MUSTER_INVENTORY_REFRESH"):
        load_settings({**tenant, "MUSTER_INVENTORY_REFRESH": "nightly"})
