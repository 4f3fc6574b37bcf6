"""Who is told of what needs attention beside the ends of jobs and the runs of schedules."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.app import App, Messenger
from orchestrator.domain.attention import CredentialFacts
from orchestrator.domain.notice import Channel
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls
from orchestrator.usecases.operations.try_channel import list_notices
from orchestrator.usecases.operations.write_attention_notices import AttentionNotices
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, submitted
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as opened:
        channels = {
            "ops": Channel("ops", ChannelKind.WEBHOOK, frozenset(Event)),
            "ends": Channel("ends", ChannelKind.WEBHOOK, frozenset({Event.FINISHED})),
        }
        yield replace(opened, messenger=Messenger(channels, None))


async def told(app: App) -> list[tuple[str, Event]]:
    return [(each.channel, each.notice.event) for each in await list_notices(app, limit=10)]


async def test_an_emergency_stop_is_told_once_to_whoever_hears_of_it_and_the_next_one_again(
    app: App, clock: ManualClock
) -> None:
    tellers = AttentionNotices(), AttentionNotices()
    await stop_calls(app, tenant=None, reason="INC-1", by=SOMEBODY)
    for teller in (*tellers, *tellers):
        await teller(app)
    first = await told(app)
    await lift_stop(app, tenant=None, reason="over", by=SOMEBODY)
    clock.advance(minutes=1)
    await stop_calls(app, tenant=None, reason="INC-2", by=SOMEBODY)
    await tellers[0](app)

    assert first == [("ops", Event.EMERGENCY_STOP)]
    assert len(await told(app)) == 2


async def test_a_missing_worker_is_told_once_at_the_second_look(app: App, clock: ManualClock) -> None:
    teller = AttentionNotices()
    await submitted(app, 3)
    clock.advance(minutes=1)
    await teller(app)
    before = await told(app)
    for _ in range(2):
        await teller(app)

    assert (before, await told(app)) == ([], [("ops", Event.NO_WORKER)])


async def test_a_secret_that_ends_is_told_once_a_fortnight_before_and_once_when_it_is_urgent(
    app: App, clock: ManualClock
) -> None:
    ends = CredentialFacts("default", "client secret", clock.now() + timedelta(days=20))
    known = replace(app, credential_ends=lambda: [ends])
    teller, counts = AttentionNotices(), []
    for days in (0, 7, 1, 9, 2):
        clock.advance(days=days)
        await teller(known)
        counts.append(len(await told(app)))

    # 20, 13, 12, 3 and 1 day before the end.
    assert counts == [0, 1, 1, 2, 2]
    assert {*await told(app)} == {("ops", Event.CREDENTIAL)}


async def test_an_inventory_above_its_age_is_told_once_and_anew_after_the_next_one(
    app: App, clock: ManualClock
) -> None:
    rows = f"Device ID,Device name,Managed by,OS\n{device_ids(1)[0]},BER-1,Co-managed,Windows\n"
    teller, counts = AttentionNotices(), []
    for _ in range(2):
        source = InventorySource(io.BytesIO(rows.encode()), "devices.csv")
        await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
        for days in (6, 2, 1):
            clock.advance(days=days)
            await teller(app)
            counts.append(len(await told(app)))

    assert counts == [0, 1, 1, 1, 2, 2]
    assert {*await told(app)} == {("ops", Event.INVENTORY)}
