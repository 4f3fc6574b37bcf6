"""List routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from orchestrator.api.access import Operator, Viewer
from orchestrator.api.etags import TaggedRoute, Unchanged
from orchestrator.api.idempotency import IdempotencyKey, sent_with
from orchestrator.api.problems import created, problem_responses
from orchestrator.api.requests import WhyRemoved
from orchestrator.http.list_download import Version, list_download
from orchestrator.http.list_upload import list_received, list_schema
from orchestrator.http.uploads import FIELDS_ROOM
from orchestrator.http.web_context import Parts, TheApp
from orchestrator.usecases.lists.compare_versions import compare_versions
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists, remove_list
from orchestrator.usecases.lists.import_list import import_list
from orchestrator.views.collections import Items
from orchestrator.views.lists import (
    ImportedList,
    ListChanges,
    ListFacts,
    SavedList,
    changes_object,
    imported_object,
    list_object,
    saved_object,
)

_Force = Annotated[bool, Query(description="Remove it although schedules need it; each is set aside when it is due.")]


def list_routes(max_bytes: int) -> APIRouter:
    """Everything below /api/lists, for uploads of at most so many bytes."""
    routes = APIRouter(prefix="/api/lists", tags=["lists"], route_class=TaggedRoute)

    _add_reading(routes)

    @routes.post(
        "",
        status_code=201,
        responses={**problem_responses(400, 413), **created()},
        openapi_extra=list_schema(),
        max_body_size=max_bytes + FIELDS_ROOM,
    )
    async def keep(
        request: Request, response: Response, by: Operator, parts: Parts, key: IdempotencyKey = None
    ) -> ImportedList:
        """Store a checked device list under a name; a list of the same name gets a new version."""
        async with list_received(request, parts.settings) as upload:
            imported = await import_list(
                parts.app,
                upload.name,
                upload.stream,
                via=upload.via,
                file_name=upload.file_name,
                options=upload.options,
                by=by,
                tenant=upload.tenant,
                reason=upload.reason,
                idempotency=sent_with(key, by, "list", upload.form, upload.tenant),
            )
        response.headers["Location"] = f"/api/lists/{imported.version.name}"
        return imported_object(imported)

    @routes.delete("/{name}", status_code=204, responses=problem_responses(404, 409))
    async def drop(
        *, app: TheApp, by: Operator, _: Unchanged, name: str, reason: WhyRemoved = None, force: _Force = False
    ) -> None:
        """Remove a list with its versions; refused while a schedule that has not ended refers to it."""
        await remove_list(app, name, by=by, reason=reason or None, force=force)

    return routes


def _add_reading(routes: APIRouter) -> None:
    @routes.get("", responses=problem_responses())
    async def lists(app: TheApp, _: Viewer) -> Items[ListFacts]:
        """Every saved list as it was last imported."""
        return {"items": [*map(list_object, await list_lists(app))]}

    @routes.get("/{name}", responses=problem_responses(404))
    async def saved_list(app: TheApp, _: Viewer, name: str) -> SavedList:
        """One list: how it stands, its versions, and the schedules that refer to it."""
        return saved_object(await describe_list(app, name))

    @routes.get("/{name}/devices.csv", responses=problem_responses(404, 409))
    async def list_devices(app: TheApp, _: Viewer, name: str, version: Version | None = None) -> Response:
        """The devices of a version as CSV, each with its row as it was imported; the last ten versions are kept."""
        return await list_download(app, name, version)

    @routes.get("/{name}/changes", responses=problem_responses(404, 409))
    async def list_changes(
        app: TheApp,
        _: Viewer,
        name: str,
        earlier: Annotated[int, Query(alias="from", ge=1, lt=2**31, description="The earlier version.")],
        later: Annotated[int, Query(alias="to", ge=1, lt=2**31, description="The later version.")],
    ) -> ListChanges:
        """How one version differs from another: counts, and the first 200 devices of each kind."""
        return changes_object(await compare_versions(app, name, earlier, later))
