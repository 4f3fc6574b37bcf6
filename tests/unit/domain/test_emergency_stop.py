from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.emergency_stop import EmergencyStop, lanes_of_tenant, stop_of
from orchestrator.domain.ids import LaneKey

AT = datetime(2026, 12, 1, 10, tzinfo=UTC)
ALL = EmergencyStop(None, "Wrong list.", "ada", AT)
CONTOSO = EmergencyStop("contoso", "Wrong list", "ada", AT, lanes_of_tenant(LaneKey("global/t1/app")))


@pytest.mark.parametrize(
    ("stop", "tenant", "lane", "covered"),
    [
        (ALL, "fabrikam", "global/t2/app", True),
        (CONTOSO, "contoso", "global/t1/app", True),
        (CONTOSO, "contoso", None, True),
        # another name and another app of the same Entra tenant
        (CONTOSO, "contoso-backup", "global/t1/other", True),
        (CONTOSO, "fabrikam", "global/t2/app", False),
        (CONTOSO, "fabrikam", "global/t11/app", False),
        (CONTOSO, "fabrikam", None, False),
    ],
)
def test_a_stop_covers_its_tenant_in_all_of_its_lanes(
    stop: EmergencyStop, tenant: str, lane: str | None, *, covered: bool
) -> None:
    key = None if lane is None else LaneKey(lane)

    assert stop.covers(tenant, key) is covered
    assert (stop_of([stop], tenant, key) is stop) is covered


def test_its_sentence_says_who_stopped_what_when_and_why() -> None:
    assert ALL.sentence == (
        "Emergency stop of all tenants since 2026-12-01 10:00:00 UTC, by ada: Wrong list. No call leaves."
    )
    assert "of tenant contoso since" in CONTOSO.sentence
