"""The pages of one version of a saved list."""

from __future__ import annotations

from collections.abc import AsyncIterator

from orchestrator.app import App
from orchestrator.store.jobs.saved_lists import ListPage, ListVersion


async def list_pages(app: App, version: ListVersion) -> AsyncIterator[ListPage]:
    """Yields the pages of a version in the order of its rows, each read in a transaction of its own."""
    place = -1
    while True:
        async with app.store.reading() as tx:
            page = await tx.lists.page_after(version.list_number, version.version, place)
        if page is None:
            return
        place = page.page
        yield page
