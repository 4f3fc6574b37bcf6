"""Write notices of attention items, except ends of jobs and runs of schedules, which have notices of their own."""

from __future__ import annotations

from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.attention import AttentionItem, AttentionKind
from orchestrator.domain.notice_words import EVENT_OF_ATTENTION, notice_of_attention
from orchestrator.store.work.workers import CLOCKS
from orchestrator.usecases.operations.list_attention import list_attention
from orchestrator.usecases.operations.write_notices import write_notice


class AttentionNotices:
    """Writes one notice for each new item, whatever the number of clocks; an item that began anew is a new one.

    A missing worker is told at the second look that finds none: a restart is no news.
    """

    def __init__(self) -> None:
        self._seen: frozenset[tuple[str, datetime]] = frozenset()

    async def __call__(self, app: App) -> None:
        """Reads the items once, and writes notices of the new ones; reads nothing where there is no channel."""
        if app.kind not in CLOCKS or not app.messenger.channels:
            return
        items = [item for item in await list_attention(app) if item.kind in EVENT_OF_ATTENTION]
        due = [item for item in items if item.kind is not AttentionKind.NO_WORKER or _mark(item) in self._seen]
        self._seen = frozenset(map(_mark, items))
        if due:
            async with app.store.transaction() as tx:
                for item in due:
                    await write_notice(app, tx, notice_of_attention(item, link=app.messenger.public_url), ())


def _mark(item: AttentionItem) -> tuple[str, datetime]:
    return item.id, item.since
