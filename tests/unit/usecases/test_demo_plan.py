"""The month of the demonstration: believable, and the same in each run."""

from __future__ import annotations

from random import Random

from orchestrator.domain.target import TargetStatus
from orchestrator.usecases.operations.demo_plan import CONTOSO, FABRIKAM, OFFICES, Course, devices_of, endings, fleet


def test_devices_belong_to_people_and_nothing_is_numbered_like_a_test() -> None:
    users = [device.user for tenant in (CONTOSO, FABRIKAM) for device in fleet(tenant) if device.user]

    assert len(users) == len(set(users))
    assert not [user for user in users if user.startswith("user")]
    assert fleet(CONTOSO) == fleet(CONTOSO)


def test_devices_that_graph_refuses_fail_night_after_night() -> None:
    devices = devices_of(CONTOSO, OFFICES)
    nights = []
    for days_ago in (2, 1):
        ends = zip(devices, endings(Course.USUAL, devices, days_ago, Random(days_ago)), strict=True)
        nights.append({device.name for device, end in ends if end.status is TargetStatus.FAILED and end.attempts == 1})

    before, last = nights
    assert "BER-LT-0412" in before
    assert before <= last
    assert len(last) < len(devices) / 50
