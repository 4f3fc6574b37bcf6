"""A version of a saved list as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from orchestrator.app import App
from orchestrator.usecases.lists.compare_versions import list_text, version_of

Version = Annotated[int, Query(ge=1, lt=2**31, description="The version of the list; the newest without it.")]


async def list_download(app: App, name: str, version: int | None) -> StreamingResponse:
    """The good rows of a version as CSV; UnknownList, or WrongStatus where its devices are kept no more."""
    found = await version_of(app, name, version)
    return StreamingResponse(
        list_text(app, found),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{found.name}-{found.version}.csv"'},
    )
