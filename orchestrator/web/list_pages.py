"""The pages of saved lists."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.confirmation import Facts, list_facts, newest_version_facts
from orchestrator.domain.device import Via
from orchestrator.http.list_download import Version, list_download
from orchestrator.http.list_upload import ListUpload, list_received
from orchestrator.http.uploads import FIELDS_ROOM
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.lists.compare_versions import compare_versions, first_devices
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists, remove_list
from orchestrator.usecases.lists.import_list import import_list
from orchestrator.web.form_fields import Reason
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator, Viewer, set_cookie
from orchestrator.web.shown import SHOWN_FIELD, Shown, facts_in, shown_text

_IGNORED = "muster-ignored"
_MOST_TOLD = 1_000


def list_pages(pages: Pages, max_bytes: int) -> APIRouter:
    """Everything below /lists."""
    routes = APIRouter(prefix="/lists", max_body_size=MOST_OF_A_BODY)
    _add_reading(routes, pages)
    _add_changes(routes, max_bytes)
    return routes


def _add_reading(routes: APIRouter, pages: Pages) -> None:
    @routes.get("")
    async def lists(request: Request, app: TheApp, _: Viewer) -> Response:
        found = await list_lists(app)
        versions = [newest_version_facts(each.name, each.version) for each in found]
        shown = shown_text({name: version for facts in versions for name, version in facts.items()})
        return pages.show(request, "lists.html", lists=found, vias=[*Via], shown=shown)

    @routes.get("/{name}")
    async def saved_list(request: Request, parts: Parts, _: Viewer, name: str) -> Response:
        view = await describe_list(parts.app, name)
        newest = view.versions[0]
        shown = shown_text(list_facts(newest.version, newest.devices, view.schedules))
        cookie = request.cookies.get(_IGNORED)
        first = await first_devices(parts.app, newest)
        page = pages.show(request, "list.html", view=view, shown=shown, ignored=unquote(cookie or ""), first=first)
        if cookie is not None:
            page.delete_cookie(_IGNORED, path=request.url.path)
        return page

    @routes.get("/{name}/devices.csv")
    async def devices(app: TheApp, _: Viewer, name: str, version: Version | None = None) -> Response:
        return await list_download(app, name, version)

    @routes.get("/{name}/compare")
    async def compare(
        request: Request,
        parts: Parts,
        _: Viewer,
        name: str,
        earlier: Annotated[int, Query(alias="from", ge=1, lt=2**31)],
        later: Annotated[int, Query(alias="to", ge=1, lt=2**31)],
    ) -> Response:
        earlier, later = sorted((earlier, later))
        found = await compare_versions(parts.app, name, earlier, later)
        return pages.show(request, "list_compare.html", name=name, found=found)


def _add_changes(routes: APIRouter, max_bytes: int) -> None:
    @routes.post("", max_body_size=max_bytes + FIELDS_ROOM)
    async def keep(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with list_received(request, parts.settings, besides={"csrf", SHOWN_FIELD}) as upload:
            imported = await import_list(
                parts.app,
                upload.name,
                upload.stream,
                via=upload.via,
                file_name=upload.file_name,
                options=upload.options,
                by=visitor.actor,
                tenant=upload.tenant,
                reason=upload.reason,
                shown=_shown_of(upload),
            )
        answer = RedirectResponse(f"/lists/{upload.name}", 303)
        if imported.ignored:
            _set_message_cookie(request, answer, f"/lists/{upload.name}", "; ".join(imported.ignored))
        return answer

    @routes.post("/{name}/remove")
    async def remove(
        *,
        app: TheApp,
        visitor: Operator,
        shown: Shown,
        name: str,
        force: Annotated[bool, Form()] = False,
        reason: Reason,
    ) -> Response:
        await remove_list(app, name, by=visitor.actor, reason=reason, force=force, shown=shown)
        return RedirectResponse("/lists", 303)


def _shown_of(upload: ListUpload) -> Facts | None:
    """The version that the page showed of this list, "none" where it showed no such list; None for a bare form."""
    shown = upload.besides.get(SHOWN_FIELD)
    return None if shown is None else {**newest_version_facts(upload.name, None), **facts_in(shown)}


def _set_message_cookie(request: Request, answer: Response, path: str, ignored: str) -> None:
    """Lets the page that the answer leads to say what was ignored: only this import knows it, nothing stores it."""
    set_cookie(answer, request, _IGNORED, quote(ignored[:_MOST_TOLD]), max_age=60, path=path)
