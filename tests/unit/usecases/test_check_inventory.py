"""What `doctor` says of an inventory's age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import InventorySummary
from orchestrator.domain.inventory_changes import InventoryChanges
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.usecases.operations.check_inventory import judge_inventory

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def an_inventory(age: timedelta, devices: int = 100, *, gone: int = 0, is_pending: bool = False) -> Inventory:
    return Inventory(
        number=InventoryNumber(1),
        tenant="global/contoso",
        source="refresh",
        file_name=None,
        read_by="somebody",
        read_at=NOW - age,
        touched_at=NOW - age,
        summary=InventorySummary(devices, devices, {}, {}),
        changes=InventoryChanges(gone=gone),
        is_pending=is_pending,
    )


@pytest.mark.parametrize(
    ("age", "is_well"), [(timedelta(days=1), True), (timedelta(days=5, hours=1), False), (timedelta(days=30), False)]
)
def test_an_inventory_is_old_two_days_before_names_are_no_longer_matched(age: timedelta, *, is_well: bool) -> None:
    check = judge_inventory("default", an_inventory(age), None, now=NOW, max_age=timedelta(days=7))

    assert (check.ok, check.is_needed) == (is_well, False)
    assert ("muster inventory refresh" in (check.mend or "")) is not is_well


def test_an_inventory_that_waits_is_named() -> None:
    pending = an_inventory(timedelta(0), 80, gone=20, is_pending=True)

    check = judge_inventory("default", an_inventory(timedelta(1)), pending, now=NOW, max_age=timedelta(days=7))

    assert not check.ok
    assert "20 are gone" in check.detail
    assert "--accept" in (check.mend or "")
