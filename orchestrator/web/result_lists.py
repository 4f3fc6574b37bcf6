"""Save devices of a job's result as a list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.confirmation import newest_version_facts
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.target import TargetFilter, TargetStatus
from orchestrator.http.full_ids import FullJobId
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.lists.describe_lists import list_lists
from orchestrator.usecases.lists.save_targets import count_targets, save_targets
from orchestrator.web.form_fields import Reason
from orchestrator.web.move_forms import MOST_SELECTED
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator
from orchestrator.web.shown import Shown, shown_text


def _choice(
    status: Annotated[str, Query(max_length=100)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    line: Annotated[list[int] | None, Query(max_length=MOST_SELECTED)] = None,
) -> TargetFilter:
    words = [word for word in status.split(",") if word]
    if not {*words} <= {*TargetStatus}:
        raise RequestRejected(f"{status!r} is no status of a device in a job.")
    return TargetFilter(tuple(map(TargetStatus, words)), error or None, search.strip() or None, frozenset(line or ()))


Choice = Annotated[TargetFilter, Depends(_choice)]


def result_list_routes(pages: Pages) -> APIRouter:
    """The form that asks for the name, and what it leads to; both carry the choice of devices in their address."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)

    @routes.get("/jobs/{job_id}/list")
    async def ask(request: Request, app: TheApp, _: Operator, job_id: FullJobId, choice: Choice) -> Response:
        view = await describe_job(app, job_id)
        versions = [newest_version_facts(each.name, each.version) for each in await list_lists(app)]
        return pages.show(
            request,
            "result_list.html",
            job=view.job,
            devices=await count_targets(app, job_id, choice),
            action=str(request.url.replace(scheme="", netloc="")),
            shown=shown_text({name: version for facts in versions for name, version in facts.items()}),
        )

    @routes.post("/jobs/{job_id}/list")
    async def save(
        *,
        app: TheApp,
        visitor: Operator,
        shown: Shown,
        job_id: FullJobId,
        choice: Choice,
        name: Annotated[str, Form(max_length=100)],
        reason: Reason,
    ) -> Response:
        job = (await describe_job(app, job_id)).job
        facts = {**newest_version_facts(name, None), **shown}
        await save_targets(app, job_id, choice, name, via=job.via, by=visitor.actor, reason=reason, shown=facts)
        return RedirectResponse(f"/lists/{name}", 303)

    return routes
