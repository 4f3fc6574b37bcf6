"""The page that submits a job: its devices from one of five sources, what would become of each, and the confirmation.

Each verdict carries what it was made of (devices, action, tenant, options, decisions about bad rows) and how many
devices that is. A submission sends it back, and is refused where the devices that came with it make another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from orchestrator.domain.action import Action
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.conditions import OPERATORS, field_names, parse_condition
from orchestrator.domain.confirmation import Facts, asks_above, refuse_outdated
from orchestrator.domain.device import Via
from orchestrator.domain.errors import ConfirmationOutdated, IntakeFailed, MusterError, NotPermitted, RequestRejected
from orchestrator.domain.inventory import LEFT_OUT
from orchestrator.domain.job import Priority
from orchestrator.domain.selection import Selection
from orchestrator.http.job_sources import JobForm, JobSource
from orchestrator.http.uploads import FIELDS_ROOM, SubmissionForm
from orchestrator.http.web_context import Parts, WebContext
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.find_source import find_source
from orchestrator.usecases.jobs.judge_list import Judgement, judge_list, odd_rows, verdict_of
from orchestrator.usecases.jobs.submit_job import Preview, submit_job
from orchestrator.usecases.lists.describe_lists import list_lists
from orchestrator.web.form_fields import ONCE_FIELD, new_once, text_or_none
from orchestrator.web.job_form import CHOICE, INSTEAD, SentJob, chosen_by_address, chosen_from, job_received
from orchestrator.web.pages import Pages, go_to, is_fragment
from orchestrator.web.session import Operator, Visitor
from orchestrator.web.shown import SHOWN_FIELD, facts_in, shown_text
from orchestrator.web.typed import TYPED_FIELD, is_typed

_JUDGED_LAST = {"HX-Retarget": "#verdict"}
"""A refused list is judged anew, and the earlier verdict must not stand beside the new one."""

_MENDED_AT_ONCE = 50
"""Bad rows that a verdict lets a person decide about; a list with more of them is better mended as a file."""


class _NotTyped(RequestRejected):
    """So many devices are called only with their number typed back."""


def new_job_routes(pages: Pages, max_bytes: int) -> APIRouter:
    """The form, its verdict, the rows that would not be called, and the submission."""
    routes = APIRouter(prefix="/jobs/new", max_body_size=max_bytes + FIELDS_ROOM)

    @routes.get("")
    async def form(
        *,
        request: Request,
        parts: Parts,
        visitor: Operator,
        job: Annotated[str, Query(alias="from", max_length=32)] = "",
        tenant: Annotated[str, Query(max_length=200)] = "",
        source: Annotated[str, Query(max_length=20)] = "",
        list_name: Annotated[str, Query(alias="list", max_length=200)] = "",
        group: Annotated[str, Query(max_length=200)] = "",
        device: Annotated[list[str] | None, Query(max_length=20)] = None,
        where: Annotated[list[str] | None, Query(max_length=20)] = None,
    ) -> Response:
        facts = await _form_facts(parts, visitor)
        if tenant:
            facts["usual_tenant"] = parts.app.tenant(tenant).name
        named = Selection(
            tuple(device or ()), tuple(map(parse_condition, where or ())), list_name or None, group or None
        )
        chosen = chosen_by_address(source, named)
        filled: dict[str, Any] = {"form": None, "has_action": False, "chosen": chosen, "old": None, "is_ready": False}
        if job:
            filled |= await _filled_from(parts, job)
        return pages.show(request, "new_job.html", **facts, **filled, judged=False)

    @routes.post("/verdict")
    async def verdict(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with job_received(request, action_unless_chosen=_any_action(visitor)) as sent:
            return await _verdict(pages, request, parts, visitor, sent)

    _add_submission(routes, pages)
    return routes


def _add_submission(routes: APIRouter, pages: Pages) -> None:
    @routes.post("/odd.csv")
    async def not_called(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with AsyncExitStack() as opened:
            sent = await opened.enter_async_context(job_received(request))
            source = await opened.enter_async_context(sent.opened(parts, visitor))
            rows = await odd_rows(
                parts.app, source.request, source.stream, file_name=source.file_name, options=source.options
            )
            # The list is needed until its last row has left.
            kept = opened.pop_all()

        async def pieces() -> AsyncIterator[str]:
            async with kept:
                async for piece in rows:
                    yield piece

        headers = {"Content-Disposition": 'attachment; filename="not-called.csv"'}
        return StreamingResponse(pieces(), media_type="text/csv; charset=utf-8", headers=headers)

    @routes.post("")
    async def submit(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with job_received(request, action_unless_chosen=_any_action(visitor)) as sent:
            if sent.is_empty or not sent.has_action:
                return await _verdict(pages, request, parts, visitor, sent)
            try:
                async with sent.opened(parts, visitor, idempotency_key=_once_of(sent)) as source:
                    job = await submit_job(
                        parts.app,
                        source.request,
                        source.stream,
                        file_name=source.file_name,
                        options=source.options,
                        confirm=_as_judged(sent, source, parts),
                    )
            except (ConfirmationOutdated, _NotTyped) as refused:
                return await _verdict(pages, request, parts, visitor, sent, refused=refused)
            except IntakeFailed as refused:
                if is_fragment(request):
                    raise
                return await _verdict(pages, request, parts, visitor, sent, refused=refused)
        return go_to(request, f"/jobs/{job.id}")


async def _filled_from(parts: WebContext, job: str) -> dict[str, Any]:
    """The form as the old job was: its action, its options, and its devices where they were no file."""
    view: JobView = await describe_job(parts.app, job)
    old = view.job
    brake = view.brake
    form = JobForm.model_validate(
        {
            "action": old.action,
            "via": old.via,
            "tenant": old.tenant if old.tenant in parts.app.tenants else None,
            "name": old.name,
            "priority": old.priority,
            "brake_share": _BRAKE.share if brake is None else brake.share,
            "brake_sample": _BRAKE.sample if brake is None else brake.sample,
        }
    )
    chosen = chosen_from(await find_source(parts.app, old))
    return {"form": form, "has_action": True, "chosen": chosen, "old": old}


async def _verdict(
    pages: Pages,
    request: Request,
    parts: WebContext,
    visitor: Visitor,
    sent: SentJob,
    *,
    refused: RequestRejected | None = None,
) -> Response:
    """The verdict on a list: a part of the page where the page asked for it, else the page with it."""
    facts: dict[str, Any] = {
        "refused": refused,
        "form": sent.form,
        "has_action": sent.has_action,
        "no_list": sent.is_empty,
        "chosen": sent.chosen,
        "is_ready": False,
    }
    status = HTTPStatus.OK
    if refused is not None:
        status = HTTPStatus.CONFLICT if isinstance(refused, ConfirmationOutdated) else HTTPStatus.UNPROCESSABLE_ENTITY
    if not facts["no_list"]:
        try:
            async with sent.opened(parts, visitor) as source:
                facts |= _verdict_facts(parts, sent, source, await _judged(parts, source), visitor)
        except NotPermitted:
            raise
        except MusterError as failed:
            # An unknown group, a condition that cannot be read, no inventory: the form stays as it is.
            facts["failed"] = failed
    if is_fragment(request):
        # htmx swaps only what went well; a part that says what is wrong is meant to be seen.
        shown = pages.show(request, "verdict_part.html", **facts)
        if refused is not None:
            shown.headers.update(_JUDGED_LAST)
        return shown
    page = {**await _form_facts(parts, visitor), "old": None, **facts}
    return pages.show(request, "new_job.html", status=status, **page, judged=True)


async def _judged(parts: WebContext, source: JobSource) -> Judgement:
    return await judge_list(
        parts.app, source.request, source.stream, file_name=source.file_name, options=source.options
    )


async def _form_facts(parts: WebContext, visitor: Visitor) -> dict[str, Any]:
    return {
        "actions": visitor.actor.grant.allowed_actions,
        "vias": [*Via],
        "priorities": [*Priority],
        "tenants": [*parts.app.tenants],
        "usual_tenant": parts.settings.usual_tenant,
        "lists": [each for each in await list_lists(parts.app) if each.via is Via.MANAGED_DEVICES],
        "condition_fields": field_names(),
        "operators": OPERATORS,
        "brake": _BRAKE,
        "canary_steps": _CANARIES,
        "once": new_once(parts.app),
    }


def _verdict_facts(
    parts: WebContext, sent: SentJob, source: JobSource, judged: Judgement, visitor: Visitor
) -> dict[str, Any]:
    preview, report, ceiling = judged.preview, judged.preview.report, visitor.actor.grant.ceiling
    is_refused = bool(report.bad) and not sent.form.skip_invalid
    is_within = ceiling is None or report.good <= ceiling
    bad = sorted((*report.problems[:_MENDED_AT_ONCE], *report.mended), key=lambda each: each.line)
    ambiguous = [each for each in bad if each.candidates]
    others = [each for each in bad if not each.candidates]
    return {
        "preview": preview,
        "notes": source.notes,
        "file_name": source.file_name,
        "once": new_once(parts.app),
        "shown": shown_text(_facts_of(sent, source, parts, preview)),
        "columns": judged.columns,
        "first": [(row, verdict_of(row)) for row in judged.first],
        "odd": [(row, verdict_of(row)) for row in judged.odd if row.line not in {each.line for each in bad}],
        "ambiguous": ambiguous,
        "others": others,
        "unshown": max(0, report.bad - _MENDED_AT_ONCE),
        "choices": sent.choices,
        "choice_field": CHOICE,
        "instead_field": INSTEAD,
        "instead": {line: choice for line, choice in sent.choices.items() if choice != LEFT_OUT},
        "left_out_value": LEFT_OUT,
        "is_refused": is_refused,
        "over_ceiling": None if is_within else ceiling,
        "is_typed": report.good > asks_above(sent.form.job.action, parts.settings.confirm_above),
        "is_ready": sent.has_action and report.good > 0 and not is_refused and is_within,
    }


def _facts_of(sent: SentJob, source: JobSource, parts: WebContext, preview: Preview) -> Facts:
    """Returns the facts that a verdict is bound to; the reason and the name of the job are none."""
    form = sent.form
    options = form.model_dump(mode="json", include={*SubmissionForm.model_fields} - _NO_OPTIONS)
    given = [
        name.replace("_", " ") + ("" if value is True else f" {value}")
        for name, value in options.items()
        if value != _DEFAULTS.get(name)
    ]
    return {
        "the action": form.job.action.value,
        "the device list": f"{source.file_name or 'a list without a name'} ({preview.report.sha256[:16]})",
        "the way of addressing": form.job.via.value,
        "the tenant": form.job.tenant or parts.settings.usual_tenant,
        "the set of options": ", ".join(given) or "none",
        "the set of decisions about bad rows": _digest(sent.choices),
        "the number of devices": preview.report.good,
    }


def _digest(choices: Mapping[int, str]) -> str:
    said_so = repr(sorted(choices.items())).encode()
    return f"{len(choices):,} ({hashlib.sha256(said_so).hexdigest()[:16]})" if choices else "none"


def _as_judged(sent: SentJob, source: JobSource, parts: WebContext) -> Callable[[Preview], bool]:
    """Returns the check before a submission: the same facts were judged, and the count typed where needed."""
    shown = facts_in(sent.upload.besides.get(SHOWN_FIELD, ""))
    typed = sent.upload.besides.get(TYPED_FIELD, "")

    def confirm(preview: Preview) -> bool:
        refuse_outdated(shown, _facts_of(sent, source, parts, preview))
        above = asks_above(sent.form.job.action, parts.settings.confirm_above)
        if preview.report.good > above and not is_typed(typed, preview.report.good):
            raise _NotTyped(
                f"These are {preview.report.good:,} devices. Type that number to confirm; nothing was submitted."
            )
        return True

    return confirm


def _once_of(sent: SentJob) -> str | None:
    return text_or_none(sent.upload.besides.get(ONCE_FIELD, ""))


def _any_action(visitor: Visitor) -> Action:
    """An action that the visitor may ask for: how a list is read does not depend on which."""
    return next(iter(visitor.actor.grant.allowed_actions), Action.REFRESH_USER_POLICY)


_BRAKE = BrakeOptions()
_CANARIES = (1, 5, 10, 20, 50, 100, 500)
"""Numbers of devices that the form offers to try first."""

_NO_OPTIONS = {"action", "via", "tenant", "name", "reason"}
_DEFAULTS = SubmissionForm.model_validate({"action": next(iter(Action))}).model_dump(mode="json")
