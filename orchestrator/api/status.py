"""Is everything fine, over HTTP; and knowing of what is not."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import Field

from orchestrator.api.access import Operator, Viewer
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.problems import problem_responses
from orchestrator.api.schemas import JobFacts
from orchestrator.domain.action import Action
from orchestrator.domain.attention import AttentionKind, RemedyKind, Severity, SubjectKind
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.operations.list_attention import acknowledge
from orchestrator.usecases.operations.status_json import attention_object, status_object


class Subject(JsonModel):
    """The thing that an item is about."""

    kind: SubjectKind
    id: str


class RemedyFacts(JsonModel):
    """The one action that helps: what a button says, and what to type."""

    kind: RemedyKind
    label: str
    command: str


class AttentionFacts(JsonModel):
    """One thing that needs a person; `tenant` is null where it concerns all tenants."""

    id: str
    kind: AttentionKind
    severity: Severity
    subject: Subject
    tenant: str | None
    message: str
    since: str
    action: RemedyFacts


class RunningJob(JobFacts):
    """A job under way; `secondsLeft` is null where nobody can tell."""

    seconds_left: int | None


class NextRun(JsonModel):
    """The next run of a schedule."""

    schedule: str
    action: Action
    tenant: str
    list: str
    devices: int | None
    local: str
    utc: str
    marks: Sequence[str]


class StatusFacts(JsonModel):
    """The items that need attention, the jobs under way with what they wait for, and the next runs.

    `muster status -o json` gives the same.
    """

    ok: bool = Field(description="Whether nothing needs attention.")
    attention: list[AttentionFacts]
    running: list[RunningJob]
    next: list[NextRun]


class Acknowledgement(JsonModel):
    """Why somebody who knows of an item wants to see it no more."""

    reason: Text = Field(description="The audit log keeps it.")


def status_routes() -> APIRouter:
    """Returns /api/status and the routes below /api/attention."""
    routes = APIRouter(prefix="/api", tags=["status"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)

    @routes.get("/status", responses=problem_responses())
    async def status(parts: Parts, _: Viewer) -> StatusFacts:
        """The items that need attention, the jobs under way with what they wait for, and the next runs."""
        return StatusFacts.model_validate(status_object(await parts.watch.overviews.status()))

    @routes.post("/attention/{item_id}/acknowledge", responses=problem_responses(404))
    async def acknowledge_item(app: TheApp, by: Operator, item_id: str, why: Acknowledgement) -> AttentionFacts:
        """Show this item no more, unless it begins anew; the reason goes to the audit log."""
        item = await acknowledge(app, item_id, reason=why.reason, by=by)
        return AttentionFacts.model_validate(attention_object(item))

    return routes
