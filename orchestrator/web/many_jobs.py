"""Several jobs at once: one page says what happens to each before it does, and one file has their reports."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import asks_above, job_facts
from orchestrator.domain.errors import MusterError, RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_jobs import JobView, standings_of
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry, retry_job
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.web.addresses import query
from orchestrator.web.form_fields import Reason, new_once, text_or_none
from orchestrator.web.many_results import RESULTS_PATH, Result, results_kept, store_results
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator, Viewer
from orchestrator.web.shown import facts_in, fields_sent, sent_fields, shown_text

MOST = 100
"""Jobs of one such form; each is a request of its own to the use case."""

Move = Literal["pause", "cancel", "retry"]
_Jobs = Annotated[list[str] | None, Query(max_length=MOST)]
_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """The change of one job, or why there is none; `shown` are the facts on the page when it was chosen."""

    view: JobView
    devices: int
    effect: str
    objection: str
    shown: str
    once: str


def many_routes(pages: Pages) -> APIRouter:
    """The page that asks, the form that does it, the page of results, and the reports."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)
    _add_question(routes, pages)
    _add_form(routes)
    _add_reports(routes)
    _add_results(routes, pages)
    return routes


def _add_question(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/jobs/many")
    async def ask(request: Request, parts: Parts, _: Operator, do: Move, job: _Jobs = None) -> Response:
        views = await _views(parts.app, job or ())
        plans = [await _plan(parts.app, view, do, parts.settings.confirm_above) for view in views]
        count = sum(not plan.objection for plan in plans)
        return pages.show(
            request,
            "jobs_many.html",
            plans=plans,
            move=do,
            heading=f"{_HEADINGS[do]} {plural(len(plans), 'job')}?",
            told=_TOLD[do],
            does=f"{_BUTTONS[do]} {plural(count, 'job')}" if count else "",
        )


def _add_form(routes: APIRouter) -> None:
    @routes.post("/jobs/many")
    async def act(
        *,
        request: Request,
        parts: Parts,
        visitor: Operator,
        do: Annotated[Move, Form()],
        job: Annotated[list[str] | None, Form(max_length=MOST)] = None,
        reason: Reason,
    ) -> Response:
        await sent_fields(request)
        fields = dict(fields_sent(request))
        views = await _views(parts.app, job or ())

        def refuse_many(action: Action, count: int) -> None:
            if count > asks_above(action, parts.settings.confirm_above):
                raise RequestRejected(f"{plural(count, 'device')}: open the job, and confirm that number there.")

        async def one(view: JobView) -> str:
            shown = facts_in(fields.get(f"shown-{view.job.id}", ""))
            if do == "pause":
                await pause_job(parts.app, view.job.id, by=visitor.actor, reason=reason, shown=shown)
            elif do == "cancel":
                await cancel_job(parts.app, view.job.id, by=visitor.actor, reason=reason, shown=shown)
            else:
                made = await retry_job(
                    parts.app,
                    view.job.id,
                    statuses=[TargetStatus.FAILED],
                    permanent=False,
                    by=visitor.actor,
                    reason=reason,
                    idempotency_key=text_or_none(fields.get(f"once-{view.job.id}", "")),
                    confirm=refuse_many,
                    shown=shown,
                )
                return made.id
            return view.job.id

        results = [await _result(view, one, _DONE[do]) for view in views]
        answer = RedirectResponse(f"{RESULTS_PATH}{query(do=do)}", 303)
        store_results(answer, request, results)
        return answer


def _add_reports(routes: APIRouter) -> None:
    @routes.get("/jobs/reports.zip")
    async def reports(app: TheApp, _: Viewer, job: _Jobs = None) -> Response:
        views = await _views(app, job or ())
        return StreamingResponse(
            _zipped(app, [view.job.id for view in views]),
            media_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="muster-reports.zip"'},
        )


def _add_results(routes: APIRouter, pages: Pages) -> None:
    @routes.get(RESULTS_PATH)
    async def tell(request: Request, app: TheApp, _: Operator, do: Move) -> Response:
        results = results_kept(request)
        if not results:
            return RedirectResponse("/jobs", 303)
        found = await standings_of(app, {JobId(each.job) for each in results})
        names = {view.job.id: view.job.name or view.job.intake.file_name or view.job.id for view in found.values()}
        done = sum(result.is_done for result in results)
        heading = f"{_DONE[do]}: {done:,} of {plural(len(results), 'job')}"
        return pages.show(request, "jobs_many_done.html", results=results, names=names, heading=heading)


async def _views(app: App, ids: Sequence[str]) -> list[JobView]:
    found = await standings_of(app, {JobId(each) for each in ids})
    if not found:
        raise RequestRejected("Select a job first: none of these is there.")
    return sorted(found.values(), key=lambda view: -view.job.number)


async def _plan(app: App, view: JobView, move: Move, confirm_above: int) -> Plan:
    status, tally = view.status, view.tally
    shown, objection, effect, devices = shown_text(job_facts(view.job, tally)), "", "", tally.waiting
    if move == "pause":
        objection = "" if status in ACTIVE else f"It is {status}, so nothing is to be paused."
        effect = f"{plural(devices, 'device')} wait until it is resumed."
    elif move == "cancel":
        is_over = status.is_final or status is JobStatus.CANCELLING
        objection = f"It is {status} already." if is_over else ""
        effect = f"{plural(devices, 'device')} are never called."
    else:
        preview = await preview_retry(app, view.job.id, RetryWish(frozenset({TargetStatus.FAILED}), permanent=False))
        devices, shown = preview.devices, shown_text(preview.facts)
        effect = (
            f"A new job calls {plural(devices, 'device')}; {preview.left_out:,} that would fail again are left out."
        )
        if not devices:
            objection = "No failure of it may succeed on another attempt."
        elif devices > asks_above(view.job.action, confirm_above):
            objection = f"{plural(devices, 'device')}: open the job, and confirm that number there."
    return Plan(view, devices, effect, objection, shown, new_once(app))


async def _result(view: JobView, one: Callable[[JobView], Awaitable[str]], words: str) -> Result:
    try:
        leads_to = await one(view)
    except MusterError as problem:
        return Result(view.job.id, view.job.id, str(problem), is_done=False)
    return Result(view.job.id, leads_to, f"{words}.", is_done=True)


async def _zipped(app: App, ids: Sequence[JobId]) -> AsyncIterator[bytes]:
    """A zip file with the report of each job; on disk while it grows."""
    with SpooledTemporaryFile(max_size=_MEMORY) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for job in ids:
                with archive.open(f"muster-{job}.csv", "w", force_zip64=True) as report:
                    async for text in report_text(app, job):
                        await asyncio.to_thread(report.write, text.encode())
        file.seek(0)
        while piece := await asyncio.to_thread(_read, file):
            yield piece


def _read(file: IO[bytes]) -> bytes:
    return file.read(1 << 16)


_HEADINGS = {"pause": "Pause", "cancel": "Cancel", "retry": "Retry the failures of"}
_BUTTONS = {"pause": "Pause", "cancel": "Cancel", "retry": "Retry"}
_DONE = {"pause": "Paused", "cancel": "Cancelled", "retry": "Retried"}
_TOLD = {
    "pause": "No new call of them leaves until they are resumed.",
    "cancel": "Devices that were not called never will be. It cannot be taken back.",
    "retry": "Only failures that another attempt may mend are called again, each job in a new one.",
}
