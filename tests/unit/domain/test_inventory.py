"""One device or a reason: what a name, a serial number or another id stands for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.inventory import (
    Ambiguous,
    Identifier,
    InventoryDevice,
    Matched,
    NotEligible,
    Unknown,
    choose,
    compare_key,
    has_collapsed,
    name_of_agent,
    objection_to,
)

EARLIER, LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
A = InventoryDevice("00000000-0000-4000-8000-00000000000a", "BER-LT-0412", last_contact_at=EARLIER)
B = A._replace(id="00000000-0000-4000-8000-00000000000b", last_contact_at=LATER)
PHONE = A._replace(
    id="00000000-0000-4000-8000-00000000000c", objection="runs iOS: only Windows takes ConfigMgr actions"
)


@pytest.mark.parametrize(
    ("candidates", "prefer_newest", "match"),
    [
        ([], False, Unknown(Identifier.NAME)),
        ([A], False, Matched(A, Identifier.NAME)),
        ([A, PHONE], False, Matched(A, Identifier.NAME)),
        ([PHONE], True, NotEligible(Identifier.NAME, (PHONE,))),
        ([A, B], False, Ambiguous(Identifier.NAME, (A, B))),
        ([A, B, PHONE], True, Matched(B, Identifier.NAME, is_newest=True)),
        (
            [A, B._replace(last_contact_at=EARLIER)],
            True,
            Ambiguous(Identifier.NAME, (A, B._replace(last_contact_at=EARLIER))),
        ),
        (
            [A._replace(last_contact_at=None), B],
            True,
            Ambiguous(Identifier.NAME, (A._replace(last_contact_at=None), B)),
        ),
    ],
)
def test_a_name_stands_for_one_device_or_for_a_reason(
    candidates: list[InventoryDevice], *, prefer_newest: bool, match: object
) -> None:
    assert choose(Identifier.NAME, candidates, prefer_newest=prefer_newest) == match


@pytest.mark.parametrize(
    ("by", "text", "key"),
    [
        (Identifier.NAME, " BER-LT-0412\u00a0", "ber-lt-0412"),
        (Identifier.NAME, "\u200bSTRASSE", "strasse"),
        (Identifier.NAME, "MU\u0308NCHEN-01", "m\u00fcnchen-01"),
        (Identifier.NAME, "  ", None),
        (Identifier.SERIAL, "5CG1234XYZ ", "5cg1234xyz"),
        (Identifier.SERIAL, "To be filled by O.E.M.", None),
        (Identifier.SERIAL, "Default  string", None),
        (Identifier.SERIAL, "System Serial Number", None),
        (Identifier.SERIAL, "00000000", None),
        (Identifier.SERIAL, "0000-0000", None),
        (Identifier.SERIAL, "00000001", "00000001"),
        (Identifier.CONFIGMGR, "GUID:6F0A5B8C-0000-4000-8000-00000000000A", "6f0a5b8c-0000-4000-8000-00000000000a"),
        (Identifier.ENTRA, "{6F0A5B8C-0000-4000-8000-00000000000A}", "6f0a5b8c-0000-4000-8000-00000000000a"),
        (Identifier.ENTRA, "00000000-0000-0000-0000-000000000000", None),
        (Identifier.ID, "BER-LT-0412", None),
    ],
)
def test_two_spellings_of_one_identifier_compare_equal(by: Identifier, text: str, key: str | None) -> None:
    assert compare_key(by, text) == key


@pytest.mark.parametrize(
    ("os", "agents", "is_eligible"),
    [
        ("Windows", ["10"], True),
        ("Windows 11 Enterprise", ["Co-managed"], True),
        (None, ["ConfigMgr"], True),
        ("Windows", ["mdm", "8"], True),
        ("Windows", [], True),
        ("Windows", ["unknown"], True),
        ("Windows", ["MDM"], False),
        ("iOS", ["10"], False),
        ("Windows Phone", ["10"], False),
    ],
)
def test_only_windows_with_a_configmgr_client_takes_an_action(
    os: str | None, agents: list[str], *, is_eligible: bool
) -> None:
    assert (objection_to(os, [name_of_agent(agent) for agent in agents]) is None) == is_eligible


def test_records_of_one_device_fill_each_other() -> None:
    named = InventoryDevice("id", "PC-1", objection="is managed by mdm: there is no ConfigMgr client to act")
    numbered = InventoryDevice("id", "old name", "5CG1", management_agent="configurationManagerClient")

    assert named.filled_from(numbered) == InventoryDevice(
        "id", "PC-1", "5CG1", management_agent="configurationManagerClient"
    )


def test_an_inventory_that_loses_more_than_a_tenth_has_collapsed() -> None:
    assert not has_collapsed(100, removed=10)
    assert has_collapsed(100, removed=11)
    assert not has_collapsed(0, removed=0)
