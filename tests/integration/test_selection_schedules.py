"""Schedules of a group or of conditions: expanded anew for each run, and stopped where the selection collapsed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

import pytest

from orchestrator.app import App, Reads
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.attention import AttentionKind
from orchestrator.domain.conditions import parse_condition
from orchestrator.domain.device import Via
from orchestrator.domain.errors import GraphUnreachable, UnknownList
from orchestrator.domain.recurrence import Cron
from orchestrator.domain.schedule import OccurrenceStatus, Order, ScheduleStatus
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.domain.selection import EmptySelection, Selection, SelectionCollapsed, own_list
from orchestrator.domain.tenant import Tenant
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.simulator.directory import Group, Member
from orchestrator.store.schedules.schedule_text import pack_definition, unpack_definition
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists
from orchestrator.usecases.operations.list_attention import list_attention
from orchestrator.usecases.schedules.add_schedule import NewSchedule, add_schedule
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import describe_schedule
from orchestrator.usecases.schedules.expansions import Expansions
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.views.schedules import schedule_object
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, targets_of
from tests.support.clock import ManualClock
from tests.support.reading import Rig
from tests.support.schedules import NIGHTLY, a_list, history_of, statuses_of
from tests.support.schedules import a_schedule as a_list_schedule

pytestmark = pytest.mark.enable_socket

IDS = device_ids(6)
BERLIN = Selection(conditions=(parse_condition("name=BER-*"),))


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as opened:
        yield opened


async def an_inventory(app: App, places: Collection[int]) -> None:
    """The inventory has these devices now."""
    rows = [f"{IDS[place]},BER-{place},S{place},Co-managed,Windows" for place in places]
    text = "\n".join(
        ["Device ID,Device name,Serial number,Managed by,OS", f"{device_ids(1, seed=9)[0]},OSL,X,,", *rows]
    )
    source = InventorySource(io.BytesIO(text.encode()), "devices.csv")
    await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)


async def a_schedule(app: App, source: Selection = BERLIN, *, by: Actor = SOMEBODY) -> None:
    order = Order(
        action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant="default", list_name="", source=source
    )
    await add_schedule(app, NewSchedule("nightly", NIGHTLY, order), by=by)


async def next_night(app: App, clock: ManualClock, expansions: Expansions | None = None) -> int:
    """Let the next run be due, and fire."""
    next_at = (await describe_schedule(app, "nightly")).schedule.next_at
    assert isinstance(next_at, datetime)
    clock.advance(seconds=(next_at - clock.now()).total_seconds())
    return await fire_schedules(app, expansions)


async def last_targets(app: App) -> list[str]:
    (*_, instant) = await history_of(app)
    assert instant.job is not None
    job = (await describe_job(app, instant.job)).job
    return [target.device for target in await targets_of(app, job)]


async def test_each_run_calls_what_the_conditions_select_then_and_says_what_changed(
    app: App, clock: ManualClock
) -> None:
    await an_inventory(app, [0, 1, 2])
    await a_schedule(app)
    await an_inventory(app, [1, 2, 3, 4])

    await next_night(app, clock)

    (instant,) = await history_of(app)
    view = await describe_schedule(app, "nightly")
    facts = schedule_object(view)
    assert sorted(await last_targets(app)) == sorted(IDS[1:5])
    assert "4 devices, 2 new and 1 gone" in (instant.reason or "")
    assert instant.job is not None
    change = (await describe_job(app, instant.job)).selection
    assert change is not None
    assert (change.devices, change.added, change.removed, change.words) == (4, 2, 1, instant.reason)
    assert facts["source"] is not None
    assert facts["change"] is not None
    assert (facts["list"], facts["devices"], facts["source"]["where"]) == (None, 4, ["name=BER-*"])
    assert (facts["change"]["added"], facts["change"]["removed"]) == (2, 1)
    assert await list_lists(app) == []


async def test_a_run_whose_selection_shrank_by_more_than_half_waits_until_it_is_accepted(
    app: App, clock: ManualClock
) -> None:
    await an_inventory(app, [0, 1, 2, 3, 4])
    await a_schedule(app)
    await an_inventory(app, [0, 1])

    fired = await next_night(app, clock)
    set_aside = (await describe_schedule(app, "nightly")).schedule
    clock.advance(minutes=5)
    with pytest.raises(SelectionCollapsed):
        await run_schedule(app, "nightly", by=SOMEBODY)
    clock.advance(seconds=1)
    job = await run_schedule(app, "nightly", by=SOMEBODY, accept=True)

    assert (fired, set_aside.status) == (0, ScheduleStatus.SET_ASIDE)
    assert "waits for a person" in (set_aside.reason or "")
    assert "muster schedule run nightly --accept" in (set_aside.reason or "")
    assert sorted(target.device for target in await targets_of(app, job)) == sorted(IDS[:2])
    assert (await describe_schedule(app, "nightly")).schedule.status is ScheduleStatus.ACTIVE
    assert await statuses_of(app) == [OccurrenceStatus.SKIPPED, OccurrenceStatus.FAILED, OccurrenceStatus.STARTED]


async def test_a_run_by_hand_that_is_refused_is_in_the_history_and_needs_attention(app: App) -> None:
    await an_inventory(app, [0, 1, 2, 3, 4])
    await a_schedule(app)
    await an_inventory(app, [0, 1])

    with pytest.raises(SelectionCollapsed) as refused:
        await run_schedule(app, "nightly", by=SOMEBODY)

    (run,) = await history_of(app)
    (item,) = await list_attention(app)
    assert (run.status, run.reason, run.by) == (OccurrenceStatus.FAILED, str(refused.value), SOMEBODY.name)
    assert (item.kind, item.subject) == (AttentionKind.RUN_MISSED, "nightly")
    assert "muster schedule run nightly --accept" in item.sentence
    assert "schedule resume" not in item.sentence


async def test_a_selection_of_no_device_is_refused_at_first_and_waits_for_a_person_later(
    app: App, clock: ManualClock
) -> None:
    await an_inventory(app, [])
    with pytest.raises(EmptySelection):
        await a_schedule(app)
    await an_inventory(app, [0, 1])
    await a_schedule(app)
    await an_inventory(app, [])

    await next_night(app, clock)

    schedule = (await describe_schedule(app, "nightly")).schedule
    assert (schedule.status, "schedule resume nightly" in (schedule.reason or "")) == (ScheduleStatus.SET_ASIDE, True)
    with pytest.raises(EmptySelection):
        await run_schedule(app, "nightly", by=SOMEBODY, accept=True)
    assert len((await describe_list(app, own_list("nightly"))).versions) == 1


async def test_a_run_fails_alone_where_the_inventory_is_too_old(app: App, clock: ManualClock) -> None:
    await an_inventory(app, [0, 1])
    await a_schedule(app)
    clock.advance(seconds=timedelta(days=8).total_seconds())

    warned = (await describe_schedule(app, "nightly")).problem
    await fire_schedules(app)
    await next_night(app, clock)
    await an_inventory(app, [0, 1])
    made = await next_night(app, clock)

    schedule = (await describe_schedule(app, "nightly")).schedule
    assert (made, schedule.status) == (1, ScheduleStatus.ACTIVE)
    assert "MUSTER_INVENTORY_MAX_AGE" in (warned or "")
    assert (await statuses_of(app))[-2:] == [OccurrenceStatus.FAILED, OccurrenceStatus.STARTED]


async def test_a_group_that_cannot_be_read_now_is_read_again_within_the_time_to_start(
    app: App, clock: ManualClock
) -> None:
    rig = Rig(app)
    rig.graph.directory.add_fleet(3)
    await rig.refresh()
    fleet = [*rig.graph.directory.devices.values()][:2]
    members = [Member("device", device["id"], device["deviceName"], device["azureADDeviceId"]) for device in fleet]
    rig.graph.directory.add_group(Group(IDS[0], "Laptops", members))
    reading = replace(rig.app, clock=clock)
    await a_schedule(reading, Selection(group="Laptops"))

    async def unreachable(_: object) -> NoReturn:
        raise GraphUnreachable("Graph cannot be reached.")

    missed = await next_night(replace(app, read=unreachable), clock)
    clock.advance(seconds=61)
    made = await fire_schedules(reading)

    assert (missed, made) == (0, 1)
    assert sorted(await last_targets(app)) == sorted(device["id"] for device in fleet)


async def test_a_group_that_is_read_slowly_delays_no_other_schedule_and_stays_this_clocks(
    app: App, clock: ManualClock
) -> None:
    rig = Rig(app)
    rig.graph.directory.add_fleet(3)
    await rig.refresh()
    members = [
        Member("device", device["id"], device["deviceName"], device["azureADDeviceId"])
        for device in rig.graph.directory.devices.values()
    ]
    rig.graph.directory.add_group(Group(IDS[0], "Laptops", members))
    await a_schedule(replace(rig.app, clock=clock), Selection(group="Laptops"))
    await a_list(app)
    await a_list_schedule(app, "later", recurrence=Cron("5 2 * * *", "Europe/Berlin"))
    asked, answers = asyncio.Event(), asyncio.Event()

    async def slowly(tenant: Tenant) -> Reads:
        asked.set()
        await answers.wait()
        return await rig.app.read(tenant)

    slow, expansions = replace(app, read=slowly), Expansions()
    fired = await next_night(slow, clock, expansions)
    await asked.wait()
    # Longer than an occurrence is held without a sign of life, and until the other schedule is due.
    await clock.run_for(minutes=5)
    meanwhile = await fire_schedules(slow, expansions)
    answers.set()
    made = await expansions.finished()

    assert (fired, meanwhile, made) == (0, 1, 1)
    assert await statuses_of(app, "later") == await statuses_of(app, "nightly") == [OccurrenceStatus.STARTED]


async def test_a_selection_that_grew_beyond_its_writers_limit_calls_nobody(app: App, clock: ManualClock) -> None:
    await an_inventory(app, [0, 1])
    limited = replace(SOMEBODY, grant=Grant(Role.OPERATOR, ceiling=2))
    await a_schedule(app, by=limited)
    await an_inventory(app, [0, 1, 2])

    fired = await next_night(app, clock)

    schedule = (await describe_schedule(app, "nightly")).schedule
    assert (fired, schedule.status) == (0, ScheduleStatus.SET_ASIDE)
    assert "may ask 2 in one job" in (schedule.reason or "")


async def test_a_schedule_moves_between_a_list_and_a_selection_and_leaves_no_list_behind(app: App) -> None:
    await an_inventory(app, [0, 1])
    await a_list(app)
    await a_schedule(app)

    changed = await change_schedule(app, "nightly", ScheduleChange(list_name="fleet"), by=SOMEBODY)
    with pytest.raises(UnknownList):
        await describe_list(app, own_list("nightly"))
    other = Selection(devices=("BER-1",))
    back = await change_schedule(app, "nightly", ScheduleChange(source=other), by=SOMEBODY)
    await remove_schedule(app, "nightly", by=SOMEBODY)

    assert changed.differences["list"] == "none → fleet"
    assert (back.view.schedule.order.source, back.view.version is not None) == (other, True)
    with pytest.raises(UnknownList):
        await describe_list(app, own_list("nightly"))


def test_a_selection_is_the_same_after_it_was_stored() -> None:
    source = Selection(("BER-1",), (parse_condition("os=Windows"),), group="Laptops", prefer_newest=True)
    order = Order(
        action=Action.WAKE_UP_CLIENT,
        via=Via.MANAGED_DEVICES,
        tenant="default",
        list_name="@nightly",
        source=source,
        ceiling=7,
    )
    rules = NewSchedule("nightly", NIGHTLY, order).rules

    assert unpack_definition(pack_definition(NIGHTLY, order, rules, ()), "@nightly")[1] == order
