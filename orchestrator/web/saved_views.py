"""Filters of the list of jobs that a reader keeps under a name.

They live in a cookie of the browser, as the display settings do: a view is a preference, holds nothing that an address
does not, and no table of people exists that it could belong to (who signs in with a key is no person).
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.errors import RequestRejected
from orchestrator.http.web_context import MOST_OF_A_BODY
from orchestrator.web.addresses import query
from orchestrator.web.job_filters import FIELDS, Asked
from orchestrator.web.session import Viewer, set_cookie

COOKIE = "muster-views"
MOST = 10
_MOST_KEPT = 3_800
"""A browser keeps 4,096 bytes of a cookie."""
_YEAR = 365 * 24 * 3600
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class SavedView:
    """A name, and the fields of the filter."""

    name: str
    fields: Mapping[str, str]

    @property
    def where(self) -> str:
        """The address of the list with this filter."""
        return f"/jobs{query(**self.fields)}"


def views_of(request: Request) -> list[SavedView]:
    """The views that the browser keeps; none where the cookie is not one of ours."""
    return unpacked(request.cookies.get(COOKIE, ""))


def with_view(views: Sequence[SavedView], view: SavedView) -> list[SavedView]:
    """The views with one more, in place of that of the same name; RequestRejected where they are too many."""
    name = view.name.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise RequestRejected(f"Give the view a name of at most {_LONGEST_NAME} letters.")
    fields = {field: value for field, value in view.fields.items() if field in FIELDS and value}
    if not fields:
        raise RequestRejected("No filter is set, so there is nothing to save: choose one first.")
    kept = [each for each in views if each.name != name]
    found = [*kept, SavedView(name, fields)]
    if len(found) > MOST or len(packed(found)) > _MOST_KEPT:
        raise RequestRejected("That many views are not kept: remove one of them first.")
    return found


def packed(views: Sequence[SavedView]) -> str:
    """The views as text that a cookie can hold."""
    return urlsafe_b64encode(json.dumps([[each.name, dict(each.fields)] for each in views]).encode()).decode()


def unpacked(text: str) -> list[SavedView]:
    """The inverse of `packed`; none where the text holds something else."""
    try:
        rows = json.loads(urlsafe_b64decode(text))
        return [
            SavedView(str(name), {field: str(value) for field, value in fields.items() if field in FIELDS})
            for name, fields in rows[:MOST]
        ]
    except (ValueError, TypeError, AttributeError):
        return []


def view_routes() -> APIRouter:
    """The forms that save a view and remove one."""
    routes = APIRouter(prefix="/jobs/views", max_body_size=MOST_OF_A_BODY)

    @routes.post("")
    async def save(
        request: Request, _: Viewer, asked: Asked, name: Annotated[str, Form(max_length=200)] = ""
    ) -> Response:
        return _kept(request, with_view(views_of(request), SavedView(name.strip(), asked.fields)))

    @routes.post("/remove")
    async def remove(request: Request, _: Viewer, name: Annotated[str, Form(max_length=200)]) -> Response:
        return _kept(request, [each for each in views_of(request) if each.name != name])

    return routes


def _kept(request: Request, views: Sequence[SavedView]) -> Response:
    answer = RedirectResponse(f"/jobs?{request.url.query}" if request.url.query else "/jobs", 303)
    set_cookie(answer, request, COOKIE, packed(views), max_age=_YEAR, path="/jobs")
    return answer
