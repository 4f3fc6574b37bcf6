"""Key and audit routes, for admins."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response

from orchestrator.api.access import Admin
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.idempotency import IdempotencyKey, sent_with
from orchestrator.api.paging import TIME_HELP, Cursor, Limit, cursor_after, read_cursor
from orchestrator.api.problems import problem_responses
from orchestrator.api.requests import KeyRequest, RevokeRequest, RotateRequest
from orchestrator.domain.instants import parse_instant
from orchestrator.http.json_model import Text
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.access.keys import (
    NewKey,
    SentAgain,
    create_key,
    describe_key,
    key_id_of,
    list_keys,
    rotate_key,
)
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.revoke_key import revoke_key
from orchestrator.views.access import (
    AuditEntryFacts,
    KeyFacts,
    KeyWithCreations,
    NewKeyFacts,
    audit_entry_object,
    key_object,
    key_with_creations,
)
from orchestrator.views.collections import Items, Page


def key_routes() -> APIRouter:
    """Everything below /api/keys and /api/audit."""
    routes = APIRouter(prefix="/api", route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)

    @routes.get("/keys", tags=["keys"], responses=problem_responses())
    async def keys(app: TheApp, _: Admin) -> Items[KeyFacts]:
        """Every key there is or was, the newest first."""
        found, now = await list_keys(app)
        return {"items": [key_object(key, now) for key in found]}

    @routes.post("/keys", tags=["keys"], status_code=201, responses=problem_responses(400, 413))
    async def make_key(
        app: TheApp,
        by: Admin,
        request: Request,
        response: Response,
        *,
        wanted: KeyRequest,
        idempotency_key: IdempotencyKey = None,
    ) -> NewKeyFacts:
        """Make a key; its text is shown this once, and again where the same request is repeated."""
        made = await create_key(
            app,
            wanted.grant,
            name=wanted.name,
            lifetime=_days(wanted.expires_in_days),
            by=by,
            reason=wanted.reason,
            source=None if idempotency_key is None else _sent_again(request, idempotency_key),
        )
        return _shown_once(made, response)

    @routes.get("/keys/{key_id}", tags=["keys"], responses=problem_responses(404))
    async def key(app: TheApp, _: Admin, key_id: str) -> KeyWithCreations:
        """One key, and what it created that is still in force."""
        view = await describe_key(app, key_id)
        return key_with_creations(view.key, view.created, view.now)

    _add_ends(routes)
    _add_audit(routes)
    return routes


def _add_ends(routes: APIRouter) -> None:
    @routes.post(
        "/keys/{key_id}/rotate", tags=["keys"], status_code=201, responses=problem_responses(400, 404, 409, 413)
    )
    async def rotate(
        app: TheApp,
        by: Admin,
        request: Request,
        response: Response,
        *,
        key_id: str,
        wanted: Annotated[RotateRequest, Body()] = _AS_USUAL,
        idempotency_key: IdempotencyKey = None,
    ) -> NewKeyFacts:
        """Make a key that takes the place of this one, which stays valid for the overlap.

        Its text is shown this once, and again where the same request is repeated.
        """
        made = await rotate_key(
            app,
            key_id,
            overlap=timedelta(days=wanted.overlap_days),
            lifetime=_days(wanted.expires_in_days),
            by=by,
            reason=wanted.reason,
            source=None if idempotency_key is None else _sent_again(request, f"{idempotency_key} for {key_id}"),
            idempotency=sent_with(idempotency_key, by, "rotate", key_id, wanted),
        )
        return _shown_once(made, response)

    @routes.post("/keys/{key_id}/revoke", tags=["keys"], responses=problem_responses(400, 404, 413))
    async def revoke(
        app: TheApp, by: Admin, key_id: str, wanted: Annotated[RevokeRequest, Body()] = _ALONE
    ) -> KeyWithCreations:
        """Let a key open nothing from now on; revoking twice is once. `created` is what it created, ended or not."""
        revoked = await revoke_key(app, key_id, with_created=wanted.with_created, by=by, reason=wanted.reason)
        return key_with_creations(revoked.key, revoked.created, revoked.now)


def _add_audit(routes: APIRouter) -> None:
    @routes.get("/audit", tags=["audit"], responses=problem_responses())
    async def audit(
        *,
        app: TheApp,
        by: Admin,
        who: Annotated[
            Text | None, Query(description="Only what this person or key (`key:NAME`, or its id) did.")
        ] = None,
        what: Annotated[Text | None, Query(description="Only this kind: `job`, `job.cancelled`, `key` …")] = None,
        subject: Annotated[Text | None, Query(description="Only what was done to this job, key or schedule.")] = None,
        search: Annotated[Text | None, Query(description="Only where this is in a name, kind or reason.")] = None,
        since: Annotated[Text | None, Query(description=f"Only what was done then or later. {TIME_HELP}")] = None,
        until: Annotated[Text | None, Query(description=f"Only what was done before then. {TIME_HELP}")] = None,
        cursor: Cursor = "",
        limit: Limit = 100,
    ) -> Page[AuditEntryFacts]:
        """Who did what, when, why, and from where: the newest first."""
        now = app.clock.now()
        audit_entries = await read_audit(
            app,
            by=by,
            limit=limit + 1,
            before=read_cursor(cursor),
            who=who or None,
            what=what or None,
            subject=subject or None,
            text=search or None,
            since=parse_instant(since, now=now) if since else None,
            until=parse_instant(until, now=now) if until else None,
        )
        more = cursor_after(audit_entries[limit - 1].number) if len(audit_entries) > limit else None
        return {"items": [*map(audit_entry_object, audit_entries[:limit])], "nextCursor": more}


def _days(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(days=count)


def _sent_again(request: Request, idempotency_key: str) -> SentAgain:
    """The one key of this request, however often it comes: derived from the caller's own secret, and kept nowhere."""
    own = request.headers["authorization"].partition(" ")[2].strip().encode()
    seed = hmac.digest(own, f"another key {idempotency_key}".encode(), hashlib.sha512)
    secret = base64.urlsafe_b64encode(seed[32:]).decode().rstrip("=")
    return SentAgain(key_id_of(seed[:32]), secret, idempotency_key)


def _shown_once(made: NewKey, response: Response) -> NewKeyFacts:
    # The text of a key is shown once, so no proxy or browser may store the answer.
    response.headers["Cache-Control"] = "no-store"
    return {**key_object(made.key, made.key.created_at), "key": made.text}


_ALONE = RevokeRequest()
_AS_USUAL = RotateRequest()
