"""Notices from their rows to servers that take them, refuse, hang and lie; and what that does to jobs: nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.app import App, Messenger
from orchestrator.domain.access import Actor
from orchestrator.domain.job import JobStatus
from orchestrator.domain.notice import Channel, Delivered, Delivery, Notice, NoticeStatus, Undelivered
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.domain.recurrence import Every
from orchestrator.notify import http_post
from orchestrator.notify.email import MailServer
from orchestrator.notify.notifier import Address, Notifier
from orchestrator.notify.signing import signed_headers
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.jobs.notices import NoticeFacts
from orchestrator.usecases.lists.describe_lists import remove_list
from orchestrator.usecases.operations.send_notices import send_notices
from orchestrator.usecases.operations.try_channel import list_notices, try_channels
from orchestrator.usecases.operations.write_notices import write_end_notices
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from tests.support import hooks
from tests.support.apps import an_app, driven, submitted
from tests.support.clock import START, ManualClock
from tests.support.hooks import a_hook
from tests.support.mail import mail_server
from tests.support.schedules import a_list, a_schedule
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALL = frozenset(Event)
NOTICE = Notice("job/1", Event.FINISHED, "1", "nightly: finished", ("10 accepted",), {"job": "1"})


def a_notifier(clock: ManualClock, addresses: Mapping[str, Address], mail: MailServer | None = None) -> Notifier:
    return Notifier(addresses, mail, trust=ssl.create_default_context(), clock=clock, user_agent="muster/test")


def telling(app: App, notifier: Notifier, *channels: Channel) -> App:
    return replace(app, messenger=Messenger({each.name: each for each in channels}, notifier.deliver))


def a_channel(kind: ChannelKind = ChannelKind.WEBHOOK, name: str = "ops", *, is_general: bool = True) -> Channel:
    return Channel(name, kind, ALL, is_general)


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
async def app(database_url: str, graph: SimulatedGraph) -> AsyncIterator[App]:
    async with serve(graph) as url, an_app(database_url, url) as opened:
        yield opened


@asynccontextmanager
async def virtual(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as opened:
        yield opened


async def notices(app: App) -> list[NoticeFacts]:
    return (await list_notices(app, limit=100))[::-1]


async def test_the_end_of_a_job_is_told_once_signed_and_with_its_counts(
    app: App, graph: SimulatedGraph, clock: ManualClock
) -> None:
    async with a_hook(lambda _: hooks.OK) as hook:
        app = telling(app, a_notifier(clock, {"ops": Address(hook.url, SECRET)}), a_channel())
        job = await submitted(app, 20)
        graph.refuse([(await _devices(app, job.id))[0]], status=404)
        await driven(app, job)
        for _ in range(3):
            await write_end_notices(app)
            await send_notices(app)

    (told,) = hook.told
    body = json.loads(told.body)
    stamp = int(told.headers["webhook-timestamp"])
    assert (body["event"], body["job"], body["counts"]["accepted"], body["counts"]["failed"]) == (
        "failures",
        job.id,
        19,
        1,
    )
    assert "1 failed: 404 ResourceNotFound" in body["text"]
    assert (
        signed_headers(SECRET, told.headers["webhook-id"], stamp, told.body)["webhook-signature"]
        == (told.headers["webhook-signature"])
    )
    assert [notice.status for notice in await notices(app)] == [NoticeStatus.SENT]


async def test_a_server_that_refuses_is_told_again_under_the_same_id_until_it_takes_it(
    sqlite_url: str, clock: ManualClock
) -> None:
    async with virtual(sqlite_url, clock) as plain, a_hook(lambda n: hooks.OK if n > 3 else hooks.REFUSES) as hook:
        app = telling(plain, a_notifier(clock, {"ops": Address(hook.url, SECRET)}), a_channel())
        await _note(app)

        attempts = []
        for _ in range(60):
            attempts.append(await send_notices(app))
            clock.advance(seconds=30)
        ends = [(each.status, each.attempts) for each in await notices(app)]

    assert sum(attempts) == 4
    # It asked for two minutes each time.
    assert attempts[1:4] == [0, 0, 0]
    assert len({told.headers["webhook-id"] for told in hook.told}) == 1
    assert len({told.headers["webhook-timestamp"] for told in hook.told}) == 4
    assert ends == [(NoticeStatus.SENT, 4)]


async def test_a_server_that_never_takes_it_is_given_up_after_a_day_and_that_is_shown(
    sqlite_url: str, clock: ManualClock
) -> None:
    async with virtual(sqlite_url, clock) as plain, a_hook(lambda _: hooks.REFUSES) as hook:
        app = telling(plain, a_notifier(clock, {"ops": Address(hook.url)}), a_channel())
        await _note(app)

        for _ in range(48):
            await send_notices(app)
            clock.advance(hours=1)

        (facts,) = await notices(app)
    assert facts.status is NoticeStatus.FAILED
    assert facts.attempts == len(hook.told) == 8
    assert facts.error == "HTTP 503: busy"


@pytest.mark.parametrize(
    ("answer", "said", "is_final"),
    [
        (hooks.GONE, "HTTP 410", "given up"),
        (hooks.REDIRECTS, "HTTP 307", "given up"),
        (hooks.REFUSES, "HTTP 503: busy", "again"),
        (hooks.NO_HTTP, "no answer", "again"),
        (hooks.PROMISES_MORE, "no answer", "again"),
        (hooks.HANGS, "no answer within", "again"),
        (b"", "no answer", "again"),
    ],
)
async def test_what_is_no_acceptance_is_none(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, said: str, is_final: str
) -> None:
    monkeypatch.setattr(http_post, "PATIENCE", 0.5 if answer is hooks.HANGS else PATIENCE)
    async with a_hook(lambda _: answer) as hook:
        notifier = a_notifier(clock, {"ops": Address(hook.url)})

        delivery = await notifier.deliver(a_channel(), NOTICE)

    assert isinstance(delivery, Undelivered)
    assert said in delivery.reason
    assert delivery.may_work_later is (is_final == "again")
    # The address lets one in: it is in no message, no row and no log.
    assert "hunter2" not in delivery.reason


async def test_an_endless_answer_is_read_no_further_than_its_beginning(clock: ManualClock) -> None:
    async with a_hook(lambda _: hooks.ENDLESS) as hook, asyncio.timeout(PATIENCE):
        delivery = await a_notifier(clock, {"ops": Address(hook.url)}).deliver(a_channel(), NOTICE)

    assert delivery == Delivered()


@pytest.mark.parametrize(
    ("kind", "answer", "taken"),
    [
        (ChannelKind.TEAMS, hooks.OK, "taken"),
        (ChannelKind.TEAMS, hooks.OLD_CONNECTOR, "not taken"),
        (ChannelKind.SLACK, hooks.OK, "taken"),
        (ChannelKind.SLACK, b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nno_such_thing", "not taken"),
    ],
)
async def test_a_success_that_says_it_failed_has_failed(
    clock: ManualClock, kind: ChannelKind, answer: bytes, taken: str
) -> None:
    async with a_hook(lambda _: answer) as hook:
        delivery = await a_notifier(clock, {"ops": Address(hook.url)}).deliver(a_channel(kind), NOTICE)

    assert isinstance(delivery, Delivered) is (taken == "taken")


async def test_a_channel_that_hangs_holds_up_no_other_and_touches_no_job(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "PATIENCE", PATIENCE)
    async with a_hook(lambda _: hooks.HANGS) as hanging, a_hook(lambda _: hooks.OK) as well:
        addresses = {"slow": Address(hanging.url), "ops": Address(well.url)}
        app = telling(app, a_notifier(clock, addresses), a_channel(name="slow"), a_channel(name="ops"))
        job = await submitted(app, 5)
        view = await driven(app, job)
        await write_end_notices(app)
        sending = asyncio.create_task(send_notices(app))
        async with asyncio.timeout(PATIENCE / 2):
            while not (well.told and hanging.told):  # noqa: ASYNC110 - the hook tells nobody
                await asyncio.sleep(0.01)
        hanging.ended.set()
        await sending

    assert view.status is JobStatus.FINISHED
    assert sorted((each.channel, each.status) for each in await notices(app)) == [
        ("ops", NoticeStatus.SENT),
        ("slow", NoticeStatus.WAITING),
    ]


async def test_a_missed_run_and_a_schedule_set_aside_are_told_to_whom_they_concern(
    sqlite_url: str, clock: ManualClock
) -> None:
    told: list[tuple[str, Event, str]] = []

    async def deliver(channel: Channel, notice: Notice) -> Delivery:
        told.append((channel.name, notice.event, notice.text))
        return Delivered()

    channels = {
        "team": a_channel(name="team", is_general=False),
        "all": a_channel(name="all"),
        "ends": Channel("ends", ChannelKind.WEBHOOK, frozenset({Event.FINISHED})),
    }
    async with virtual(sqlite_url, clock) as plain:
        app = replace(plain, messenger=Messenger(channels, deliver))
        await a_list(app)
        await a_schedule(app, "hourly", recurrence=Every(timedelta(hours=2), START), channels=("team",))
        clock.advance(hours=9, minutes=30)
        await fire_schedules(app)
        await remove_list(app, "fleet", by=Actor("tests", "tests"), force=True)
        clock.advance(hours=1)
        await fire_schedules(app)
        await send_notices(app)

    events = [(name, event) for name, event, _ in told]
    assert sorted(events) == [
        ("all", Event.MISSED),
        ("all", Event.MISSED),
        ("all", Event.SET_ASIDE),
        ("team", Event.MISSED),
        ("team", Event.MISSED),
        ("team", Event.SET_ASIDE),
    ]
    assert any("3 runs" in text for _, _, text in told)


async def test_mail_is_sent_and_a_refusal_is_shown(clock: ManualClock) -> None:
    async with mail_server() as server:
        mail = MailServer("127.0.0.1", server.port, "muster@contoso.example")
        notifier = a_notifier(clock, {"mail": Address(recipients=("admin@contoso.example",))}, mail)
        taken = await notifier.deliver(a_channel(ChannelKind.EMAIL, "mail"), NOTICE)
    async with mail_server(refuses="550 nobody here") as refusing:
        mail = MailServer("127.0.0.1", refusing.port, "muster@contoso.example")
        notifier = a_notifier(clock, {"mail": Address(recipients=("admin@contoso.example",))}, mail)
        refused = await notifier.deliver(a_channel(ChannelKind.EMAIL, "mail"), NOTICE)

    assert taken == Delivered()
    assert "Subject: nightly: finished" in server.messages[0]
    assert "10 accepted" in server.messages[0]
    assert isinstance(refused, Undelivered)
    assert "recipient" in refused.reason


async def test_a_password_is_not_sent_to_a_mail_server_without_tls(clock: ManualClock) -> None:
    async with mail_server() as server:
        mail = MailServer("127.0.0.1", server.port, "m@contoso.example", user="m", password="hunter2")
        notifier = a_notifier(clock, {"mail": Address(recipients=("admin@contoso.example",))}, mail)

        delivery = await notifier.deliver(a_channel(ChannelKind.EMAIL, "mail"), NOTICE)

    assert isinstance(delivery, Undelivered)
    assert (server.logins, server.messages) == ([], [])


async def test_a_test_says_what_came_of_it(sqlite_url: str, clock: ManualClock) -> None:
    async with (
        virtual(sqlite_url, clock) as plain,
        a_hook(lambda _: hooks.OK) as well,
        a_hook(lambda _: hooks.GONE) as gone,
    ):
        addresses = {"ops": Address(well.url), "old": Address(gone.url)}
        app = telling(plain, a_notifier(clock, addresses), a_channel(name="ops"), a_channel(name="old"))

        tried = await try_channels(app, (), by=Actor("ada", "tests"))

    assert [(each.channel.name, each.problem) for each in tried] == [("ops", None), ("old", "HTTP 410")]
    assert json.loads(well.told[0].body)["event"] == "test"


async def _note(app: App) -> None:
    async with app.store.transaction() as tx:
        await tx.notices.add("ops", NOTICE, now=await tx.now())
        await tx.notices.add("ops", NOTICE, now=await tx.now())


async def _devices(app: App, job: str) -> list[str]:
    async with app.store.reading() as tx:
        found = await tx.jobs.find(job)
        return [target.device for target in await tx.targets.page(found.number, found.id, limit=100)]
