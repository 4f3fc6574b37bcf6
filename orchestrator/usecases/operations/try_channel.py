"""Send a test through a channel now, and return its result; list the newest notices."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import RequestRejected, UnknownChannel
from orchestrator.domain.notice import Channel, Delivered, Undelivered
from orchestrator.domain.notice_words import notice_of_test
from orchestrator.store.jobs.notices import NoticeFacts
from orchestrator.usecases.operations.send_notices import PATIENCE


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a test; `problem` is None where it was taken."""

    channel: Channel
    problem: str | None


async def try_channels(app: App, names: tuple[str, ...], *, by: Actor) -> list[Tried]:
    """Returns the results of a test to these channels, to all of them if none is named."""
    channels = app.messenger.channels
    if not channels:
        raise RequestRejected(
            "No channel is set up. Set MUSTER_NOTIFY_WEBHOOK, _TEAMS, _SLACK or _EMAIL, or a table [notify.NAME]."
        )
    for name in names:
        if name not in channels:
            raise UnknownChannel(name, tuple(channels))
    return [await _try(app, channels[name], by) for name in names or tuple(channels)]


async def list_notices(app: App, *, limit: int) -> list[NoticeFacts]:
    """Returns the newest notices with their deliveries."""
    async with app.store.reading() as tx:
        return await tx.notices.newest(limit=limit)


async def _try(app: App, channel: Channel, by: Actor) -> Tried:
    if app.messenger.deliver is None:
        return Tried(channel, "nothing here can deliver")
    notice = notice_of_test(f"test/{app.worker}/{app.clock.now().timestamp():.0f}", by.name)
    try:
        async with asyncio.timeout(PATIENCE):
            match await app.messenger.deliver(channel, notice):
                case Delivered():
                    return Tried(channel, None)
                case Undelivered(reason):
                    return Tried(channel, reason)
    except TimeoutError:
        return Tried(channel, f"no answer within {PATIENCE:.0f} seconds")
