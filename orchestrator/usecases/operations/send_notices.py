"""Send the notices that are due: from their rows, one at a time, again and again until the other side takes them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.errors import TryLater
from orchestrator.domain.notice import Delivered, Delivery, NoticeStatus, Undelivered, retry_wait
from orchestrator.store.jobs.notices import NoticeFacts, NoticeOutcome
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.operations.write_notices import write_end_notices

log = get_logger(__name__)

PATIENCE = 20.0
"""Seconds that one delivery may take; it is broken off after them."""

_CLAIM = timedelta(seconds=60)
_AT_ONCE = 8


async def send_notices(app: App) -> int:
    """Send everything that is due now; how many attempts that were. A channel that hangs holds up no other."""
    async with app.store.reading() as tx:
        if not await tx.notices.any_due(now=await tx.now()):
            return 0
    counts = await asyncio.gather(*(_send_while_due(app) for _ in range(_AT_ONCE)))
    return sum(counts)


async def send_notices_now(app: App) -> None:
    """Sends the notices of jobs that ended in this process, one attempt for each channel, since no clock may run."""
    if not app.messenger.channels:
        return
    try:
        async with asyncio.timeout(PATIENCE + 5):
            await write_end_notices(app)
            await send_notices(app)
    except (TryLater, TimeoutError) as problem:
        log.warning("notices.waiting", reason=str(problem))


async def _send_while_due(app: App) -> int:
    count = 0
    while True:
        async with app.store.transaction() as tx:
            now = await tx.now()
            claimed = await tx.notices.claim(app.worker, until=now + _CLAIM, now=now)
        if claimed is None:
            return count
        count += 1
        delivery = await deliver(app, claimed)
        async with app.store.transaction() as tx:
            now = await tx.now()
            await tx.notices.settle(claimed.number, app.worker, _outcome(app, claimed, delivery), now=now)


async def deliver(app: App, facts: NoticeFacts) -> Delivery:
    """Makes one attempt; every failure is returned as an answer."""
    channel = app.messenger.channels.get(facts.channel)
    if channel is None or app.messenger.deliver is None:
        return Undelivered(f"channel {facts.channel!r} is not in the settings of this process")
    try:
        async with asyncio.timeout(PATIENCE):
            return await app.messenger.deliver(channel, facts.notice)
    except TimeoutError:
        return Undelivered(f"no answer within {PATIENCE:.0f} seconds")
    except Exception as problem:
        # A fault of a channel's server must not end the clock.
        log.exception("notice.broke", channel=channel.name)
        return Undelivered(f"an error in Muster: {type(problem).__name__}")


def _outcome(app: App, facts: NoticeFacts, delivery: Delivery) -> NoticeOutcome:
    match delivery:
        case Delivered():
            log.info("notice.sent", channel=facts.channel, notice=facts.number, attempts=facts.attempts)
            return NoticeOutcome(NoticeStatus.SENT)
        case Undelivered(reason, may_work_later, wait):
            again = retry_wait(facts.attempts, wait) if may_work_later else None
            log.warning("notice.undelivered", channel=facts.channel, notice=facts.number, reason=reason, again=again)
            if again is None:
                return NoticeOutcome(NoticeStatus.FAILED, reason)
            # Spread, so that what failed together does not come back together.
            return NoticeOutcome(NoticeStatus.WAITING, reason, again * (1 + app.chance.random() / 10))
