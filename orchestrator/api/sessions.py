"""Session routes, for admins: who is signed in to the dashboard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.access import Admin
from orchestrator.api.etags import TaggedRoute, Unchanged
from orchestrator.api.problems import problem_responses
from orchestrator.api.requests import WhyRemoved
from orchestrator.domain.errors import UnknownSession
from orchestrator.http.json_model import Text
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.access.sessions import end_sessions, list_sessions
from orchestrator.views.access import SessionFacts, session_object
from orchestrator.views.collections import Items

_WHOSE = Query(description="Only those of this person: the name in the list, or TENANT/OBJECT in Entra ID.")


def session_routes() -> APIRouter:
    """Everything below /api/sessions."""
    routes = APIRouter(prefix="/api/sessions", tags=["sessions"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)

    @routes.get("", responses=problem_responses())
    async def sessions(app: TheApp, by: Admin, person: Annotated[Text | None, _WHOSE] = None) -> Items[SessionFacts]:
        """Who is signed in to the dashboard, the newest first."""
        found = await list_sessions(app, by=by, person=person or None)
        return {"items": [*map(session_object, found)]}

    @routes.delete("", responses=problem_responses(404))
    async def end_all(
        app: TheApp, by: Admin, _: Unchanged, person: Annotated[Text, _WHOSE], reason: WhyRemoved = None
    ) -> Items[SessionFacts]:
        """End all sessions of a person; the answer lists those that ended."""
        found = await end_sessions(app, person=person, by=by, reason=reason or None)
        return {"items": [*map(session_object, found)]}

    @routes.get("/{session_id}", responses=problem_responses(404))
    async def session(app: TheApp, by: Admin, session_id: str) -> SessionFacts:
        """Returns one session by its id."""
        found = [each for each in await list_sessions(app, by=by) if each.id == session_id]
        if not found:
            raise UnknownSession(session_id)
        return session_object(found[0])

    @routes.delete("/{session_id}", status_code=204, responses=problem_responses(404))
    async def end(app: TheApp, by: Admin, _: Unchanged, session_id: str, reason: WhyRemoved = None) -> None:
        """End one session: it stops at its next request."""
        await end_sessions(app, session_id=session_id, by=by, reason=reason or None)

    return routes
