"""The pages for admins: keys and the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import all_key_facts, key_facts
from orchestrator.domain.errors import RequestRejected
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.access.keys import OVERLAP, create_key, describe_key, list_keys, rotate_key
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.revoke_key import revoke_key
from orchestrator.usecases.access.sessions import end_sessions, list_sessions
from orchestrator.usecases.access.show_key_once import pop_new_keys, shown_later
from orchestrator.web.addresses import query
from orchestrator.web.form_fields import Once, Reason, new_once, text_or_none
from orchestrator.web.pages import Before, Pages, is_fragment
from orchestrator.web.session import Admin
from orchestrator.web.shown import Shown, shown_text

AUDIT_ENTRIES_SHOWN = 50


def access_routes(pages: Pages) -> APIRouter:
    """Returns the routes of the pages *Keys* and *Audit*."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)
    _add_keys(routes, pages)
    _add_key(routes, pages)
    _add_sessions(routes, pages)
    _add_audit(routes, pages)
    return routes


def _add_keys(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/keys")
    async def keys(request: Request, app: TheApp, visitor: Admin) -> Response:
        made = await pop_new_keys(app, session=visitor.secret)
        found, now = await list_keys(app)
        shown = {key.id: shown_text(key_facts(key, key.status(now))) for key in found}
        facts: dict[str, Any] = {"roles": [*Role], "actions": [*Action], "tenants": [*app.tenants], "shown": shown}
        facts |= {"made": made, "longest": app.longest_key.days, "once": new_once(app)}
        return pages.show(request, "keys.html", keys=found, now=now, **facts)

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
        tenant: Annotated[list[str] | None, Form()] = None,
        reason: Reason,
        once: Once,
    ) -> Response:
        grant = Grant(role)
        if role is Role.OPERATOR:
            limits = frozenset(action) if action else None
            grant = Grant(role, _count(ceiling, "ceiling"), limits, frozenset(tenant) if tenant else None)
        await create_key(
            app,
            grant,
            name=text_or_none(name),
            lifetime=_days(days),
            by=visitor.actor,
            reason=reason,
            source=shown_later(visitor.secret, once=once),
        )
        # A redirect, so that a reload makes no second key; the page that follows shows the text of this one, once.
        return RedirectResponse("/keys", 303)


def _add_key(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/keys/{key_id}")
    async def key(request: Request, app: TheApp, _: Admin, key_id: str) -> Response:
        view = await describe_key(app, key_id)
        shown = shown_text(all_key_facts(view.key, view.key.status(view.now), view.created))
        return pages.show(request, "key.html", key=view.key, created=view.created, now=view.now, shown=shown)

    @routes.post("/keys/{key_id}/rotate")
    async def rotate(
        *,
        app: TheApp,
        visitor: Admin,
        shown: Shown,
        key_id: str,
        overlap: Annotated[str, Form(max_length=6)] = "",
        days: Annotated[str, Form(max_length=6)] = "",
        reason: Reason,
    ) -> Response:
        both = OVERLAP if not overlap.strip() else timedelta(days=_number(overlap, "days", least=0))
        await rotate_key(
            app,
            key_id,
            overlap=both,
            lifetime=_days(days),
            by=visitor.actor,
            reason=reason,
            source=shown_later(visitor.secret),
            shown=shown,
        )
        return RedirectResponse("/keys", 303)

    @routes.post("/keys/{key_id}/revoke")
    async def revoke(
        *,
        app: TheApp,
        visitor: Admin,
        shown: Shown,
        key_id: str,
        with_created: Annotated[bool, Form()] = False,
        reason: Reason,
    ) -> Response:
        await revoke_key(app, key_id, with_created=with_created, by=visitor.actor, reason=reason, shown=shown)
        return RedirectResponse(f"/keys/{key_id}", 303)


def _add_sessions(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/sessions")
    async def sessions(request: Request, app: TheApp, visitor: Admin) -> Response:
        found = await list_sessions(app, by=visitor.actor)
        return pages.show(request, "sessions.html", sessions=found, own=visitor.session.id)

    @routes.post("/sessions/end")
    async def end(
        app: TheApp,
        visitor: Admin,
        reason: Reason,
        session: Annotated[str, Form(max_length=64)] = "",
        person: Annotated[str, Form(max_length=400)] = "",
    ) -> Response:
        if not session and not person:
            raise RequestRejected("Say which session is to end, or whose.")
        await end_sessions(app, session_id=session or None, person=person or None, by=visitor.actor, reason=reason)
        return RedirectResponse("/sessions", 303)


def _add_audit(routes: APIRouter, pages: Pages) -> None:
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
        audit_entries = await read_audit(
            app, by=visitor.actor, limit=AUDIT_ENTRIES_SHOWN + 1, before=before, what=what or None, text=text
        )
        fields = {"search": text or "", "what": what}
        older = (
            query(**fields, before=audit_entries[AUDIT_ENTRIES_SHOWN - 1].number)
            if len(audit_entries) > AUDIT_ENTRIES_SHOWN
            else None
        )
        template = "audit_list.html" if is_fragment(request) else "audit.html"
        return pages.show(
            request,
            template,
            audit_entries=audit_entries[:AUDIT_ENTRIES_SHOWN],
            fields=fields,
            older=older,
            kinds=["job", "schedule", "list", "key", "session", "sign-in", "change"],
            places={"job": "/jobs/", "schedule": "/schedules/", "list": "/lists/", "key": "/keys/"},
        )


def _count(text: str, what: str) -> int | None:
    digits = text.strip().replace(",", "")
    if not digits:
        return None
    return _number(digits, what, least=1)


def _days(text: str) -> timedelta | None:
    days = _count(text, "days")
    return None if days is None else timedelta(days=days)


def _number(text: str, what: str, *, least: int) -> int:
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) < least:
        raise RequestRejected(f"{text!r} is no number for {what}.")
    return int(digits)
