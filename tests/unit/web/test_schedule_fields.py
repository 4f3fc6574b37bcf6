from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import Cron, Every, Once, Recurrence
from orchestrator.domain.schedule import Order, Overlap, Rules, Schedule, ScheduleStatus
from orchestrator.domain.schedule_change import changed
from orchestrator.web.schedule_fields import ChangedFields, ScheduleFields, change_between, fields_from, fields_of
from tests.support.web import some_settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_schedule(recurrence: Recurrence) -> Schedule:
    """One of which every rule is another than usual."""
    return Schedule(
        number=ScheduleNumber(1),
        name="weekly",
        recurrence=recurrence,
        order=Order(
            action=Action.QUICK_SCAN,
            via=Via.COMANAGED_DEVICES,
            tenant="contoso",
            list_name="ring-1",
            priority=Priority.LOW,
            name="scan",
            reason="CHG-4711",
            brake=BrakeOptions(share=40),
            canary=5,
        ),
        rules=Rules(
            start_within=timedelta(hours=1, minutes=30),
            overlap=Overlap.QUEUE,
            until=time(6, 30),
            carry_over=True,
            jitter=timedelta(seconds=90),
        ),
        channels=("night-shift",),
        status=ScheduleStatus.ACTIVE,
        reason=None,
        created_by="somebody",
        created_at=NOW,
        next_at=None,
    )


@pytest.mark.parametrize(
    "recurrence",
    [
        Cron("15 3 * * 1", "Europe/Berlin"),
        Every(timedelta(days=1, hours=6), NOW, "UTC"),
        Once(datetime(2026, 12, 1, 2, 0), "Asia/Tokyo"),  # noqa: DTZ001 - wall time
    ],
    ids=["cron", "every", "once"],
)
def test_a_form_filled_with_a_schedule_asks_for_the_same_again(recurrence: Recurrence) -> None:
    schedule = a_schedule(recurrence)
    fields = fields_of(schedule)

    asked = fields.new(some_settings("sqlite:///x"), now=NOW)

    assert (asked.name, asked.order, asked.rules, asked.channels) == (
        schedule.name,
        schedule.order,
        schedule.rules,
        schedule.channels,
    )
    assert asked.recurrence == recurrence
    assert fields_from(fields.model_dump_json()) == fields
    assert change_between(fields, fields) == {}


def test_only_what_somebody_touched_is_changed() -> None:
    schedule = a_schedule(Every(timedelta(hours=2), NOW - timedelta(days=3)))
    was = fields_of(schedule)
    other: dict[str, object] = {"until": "", "reason": "", "priority": Priority.HIGH, "notify": ()}

    form = ChangedFields(**{**was.model_dump(), **other}, was=was.model_dump_json())
    now = changed(schedule, form.change, now=NOW)

    assert form.change == {"until": None, "reason": None, "priority": Priority.HIGH, "notify": ()}
    assert now.recurrence == schedule.recurrence
    assert now.rules.until is None
    assert (now.order.reason, now.order.name) == (None, "scan")


def test_another_recurrence_is_one_in_the_way_it_was_written() -> None:
    was = ScheduleFields(kind="cron", when="0 2 * * *")

    assert change_between(was, was.model_copy(update={"kind": "every", "when": "6h"})) == {"every": "6h"}
    assert change_between(was, was.model_copy(update={"timezone": "Asia/Tokyo"})) == {"timezone": "Asia/Tokyo"}


@pytest.mark.parametrize("text", ["", "{", '{"when": 3}', "[]"])
def test_a_form_that_was_tampered_with_is_refused(text: str) -> None:
    with pytest.raises(RequestRejected):
        fields_from(text)
