"""Conditions that select devices of an inventory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.conditions import fits, parse_condition, read_condition
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.inventory import InventoryDevice

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DEVICE = InventoryDevice(
    "0a1b2c3d-0000-4000-8000-000000000412",
    "BER-LT-0412",
    configmgr_id="8f000000-0000-4000-8000-000000000412",
    os="Windows",
    management_agent="configurationManagerClientMdm",
    last_contact_at=NOW - timedelta(days=10),
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("name=BER-*", True),
        ("name = ber-lt-0412", True),
        ("name=BER", False),
        ("name=*-0412", True),
        ("name!=BER-*", False),
        ("os=Windows", True),
        ("agent=configurationManagerClientMdm", True),
        ("managementAgent!=mdm", True),
        ("serial=*", False),
        ("serial!=x", False),
        ("last-contact<30d", True),
        ("last-contact<9d", False),
        ("last-contact>9d", True),
        ("last-contact>2026-11-01", True),
        ("lastContact<2026-11-01", False),
        ("name<C", True),
        ("name=BER-LT-0412)", False),
        ("id={0A1B2C3D-0000-4000-8000-000000000412}", True),
        ("configmgr=GUID:8F000000-0000-4000-8000-000000000412", True),
        ("configmgr=8f0*", True),
        ("configmgr=GUID:8F0*", True),
        ("configmgr=guid:{8F0*", True),
        ("configmgr!=GUID:8F0*", False),
        ("configmgr=GUID:9*", False),
    ],
)
def test_a_condition_holds_for_a_device_or_not(text: str, *, holds: bool) -> None:
    assert fits(DEVICE, [parse_condition(text)], NOW) == holds


def test_all_conditions_must_hold() -> None:
    assert not fits(DEVICE, [parse_condition("os=Windows"), parse_condition("name=X*")], NOW)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour=red", "There are name, serial, id"),
        ("name", "FIELD OP VALUE"),
        ("name=", "never matches"),
        ("last-contact=30d", "with < or >"),
        ("last-contact<soon", "is no time"),
        ("name>=BER", "Operators are"),
        ("last-contact<=30d", "Operators are"),
        ("os==Windows", "Operators are"),
        ("os<>Windows", "Operators are"),
        ("name<BER*", "Operators are"),
    ],
)
def test_a_condition_that_cannot_be_read_says_what_one_looks_like(text: str, says: str) -> None:
    with pytest.raises(RequestRejected, match=says):
        parse_condition(text)


def test_a_stored_condition_that_was_misread_holds_for_no_device() -> None:
    assert not fits(DEVICE, [read_condition("name>=A")], NOW)
