"""The pages for admins: keys and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import key_facts
from orchestrator.domain.errors import RequestRejected
from orchestrator.serving.served import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.keys import list_keys, revoke_key
from orchestrator.usecases.read_audit import read_audit
from orchestrator.usecases.show_key_once import create_key_to_show, take_new_keys
from orchestrator.web.move_forms import said
from orchestrator.web.pages import Before, Pages, is_fragment, query
from orchestrator.web.session import Admin
from orchestrator.web.shown import Shown, shown_text

DEEDS_SHOWN = 50


def access_routes(pages: Pages) -> APIRouter:
    """Keys and audit."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)

    @routes.get("/keys")
    async def keys(request: Request, app: TheApp, visitor: Admin) -> Response:
        made = await take_new_keys(app, session=visitor.secret)
        found, now = await list_keys(app)
        return pages.show(
            request,
            "keys.html",
            keys=found,
            now=now,
            made=made,
            roles=[*Role],
            actions=[*Action],
            shown={key.id: shown_text(key_facts(key, key.status(now))) for key in found},
        )

    @routes.post("/keys")
    async def make_key(
        *,
        app: TheApp,
        visitor: Admin,
        role: Annotated[Role, Form()],
        name: Annotated[str, Form(max_length=200)] = "",
        days: Annotated[str, Form(max_length=6)] = "",
        ceiling: Annotated[str, Form(max_length=12)] = "",
        action: Annotated[list[Action] | None, Form()] = None,
        reason: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        grant = Grant(role)
        if role is Role.OPERATOR:
            grant = Grant(role, _count(ceiling, "ceiling"), frozenset(action) if action else None)
        await create_key_to_show(
            app,
            grant,
            session=visitor.secret,
            name=said(name),
            expires_in_days=_count(days, "days"),
            by=visitor.asker,
            reason=said(reason),
        )
        # A redirect, so that a reload makes no second key; the page that follows shows the text of this one, once.
        return RedirectResponse("/keys", 303)

    @routes.post("/keys/{key_id}/revoke")
    async def revoke(
        app: TheApp, visitor: Admin, shown: Shown, key_id: str, reason: Annotated[str, Form(max_length=2000)] = ""
    ) -> Response:
        await revoke_key(app, key_id, by=visitor.asker, reason=said(reason), shown=shown)
        return RedirectResponse("/keys", 303)

    @routes.get("/audit")
    async def audit(
        *,
        request: Request,
        app: TheApp,
        visitor: Admin,
        search: Annotated[str, Query(max_length=200)] = "",
        what: Annotated[str, Query(max_length=40)] = "",
        before: Before = None,
    ) -> Response:
        text = search.replace("\x00", "").strip() or None
        deeds = await read_audit(
            app, by=visitor.asker, limit=DEEDS_SHOWN + 1, before=before, what=what or None, text=text
        )
        fields = {"search": text or "", "what": what}
        older = query(**fields, before=deeds[DEEDS_SHOWN - 1].number) if len(deeds) > DEEDS_SHOWN else None
        template = "audit_list.html" if is_fragment(request) else "audit.html"
        return pages.show(
            request,
            template,
            deeds=deeds[:DEEDS_SHOWN],
            fields=fields,
            older=older,
            kinds=["job", "schedule", "list", "key", "session"],
            places={"job": "/jobs/", "schedule": "/schedules/", "list": "/lists/"},
        )

    return routes


def _count(text: str, what: str) -> int | None:
    digits = text.strip().replace(",", "")
    if not digits:
        return None
    if not digits.isascii() or not digits.isdigit() or int(digits) < 1:
        raise RequestRejected(f"{text!r} is no number for {what}.")
    return int(digits)
