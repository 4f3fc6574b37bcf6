"""The page that submits a job: a device list, what would become of it row by row, and the count typed back.

Each verdict carries what it was made of (file, action, tenant, options) and how many devices that is. A submission
sends it back, and is refused where the list that came with it makes another one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Facts, asks_above, refuse_outdated
from orchestrator.domain.device import Via
from orchestrator.domain.errors import ConfirmationOutdated, IntakeFailed, RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.http.uploads import FIELDS_ROOM, SubmissionForm, Upload, received
from orchestrator.http.web_context import Parts, WebContext
from orchestrator.usecases.jobs.judge_list import Judgement, judge_list, odd_rows, verdict_of
from orchestrator.usecases.jobs.submit_job import Preview, submit_job
from orchestrator.web.move_forms import said
from orchestrator.web.once import ONCE_FIELD, new_once
from orchestrator.web.pages import Pages, go_to, is_fragment
from orchestrator.web.pasted_devices import PASTED_FIELD, with_pasted
from orchestrator.web.session import Operator, Visitor
from orchestrator.web.shown import SHOWN_FIELD, facts_in, shown_text
from orchestrator.web.typed import TYPED_FIELD, is_typed

_PAGE_FIELDS = frozenset({"csrf", TYPED_FIELD, ONCE_FIELD, SHOWN_FIELD, PASTED_FIELD})
_JUDGED_LAST = {"HX-Retarget": "#verdict"}
"""What was refused is judged anew, and the verdict of before must not stand beside that."""


class _NotTyped(RequestRejected):
    """So many devices are called only with their number typed back."""


def new_job_routes(pages: Pages, max_bytes: int) -> APIRouter:
    """The form, its verdict, the rows that would not be called, and the submission."""
    routes = APIRouter(prefix="/jobs/new", max_body_size=max_bytes + FIELDS_ROOM)

    @routes.get("")
    async def form(request: Request, parts: Parts, visitor: Operator) -> Response:
        return pages.show(request, "new_job.html", **_form_facts(parts, visitor), form=None, judged=False, pasted="")

    @routes.post("/verdict")
    async def verdict(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with received(request, besides=_PAGE_FIELDS, action_unless_chosen=_any_action(visitor)) as sent:
            return await _verdict(pages, request, parts, visitor, with_pasted(sent))

    @routes.post("/odd.csv")
    async def not_called(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with AsyncExitStack() as opened:
            upload = with_pasted(await opened.enter_async_context(received(request, besides=_PAGE_FIELDS)))
            asked = upload.request(parts.settings, visitor.actor)
            options = upload.options(parts.settings)
            rows = await odd_rows(parts.app, asked, upload.stream, file_name=upload.file_name, options=options)
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
        async with received(request, besides=_PAGE_FIELDS, action_unless_chosen=_any_action(visitor)) as sent:
            upload = with_pasted(sent)
            if _is_empty(upload) or not upload.has_action:
                return await _verdict(pages, request, parts, visitor, upload)
            try:
                job = await submit_job(
                    parts.app,
                    upload.request(parts.settings, visitor.actor, idempotency_key=_once_of(upload)),
                    upload.stream,
                    file_name=upload.file_name,
                    options=upload.options(parts.settings),
                    confirm=_as_judged(upload, parts),
                )
            except (ConfirmationOutdated, _NotTyped) as refused:
                upload.stream.seek(0)
                return await _verdict(pages, request, parts, visitor, upload, refused=refused)
        return go_to(request, f"/jobs/{job.id}")

    return routes


async def _verdict(
    pages: Pages,
    request: Request,
    parts: WebContext,
    visitor: Visitor,
    upload: Upload,
    *,
    refused: RequestRejected | None = None,
) -> Response:
    """The verdict on a list: a part of the page where the page asked for it, else the page with it."""
    facts: dict[str, Any] = {
        "refused": refused,
        "form": upload.form,
        "has_action": upload.has_action,
        "no_list": _is_empty(upload),
        "pasted": upload.besides.get(PASTED_FIELD, ""),
    }
    status = HTTPStatus.OK
    if refused is not None:
        status = HTTPStatus.CONFLICT if isinstance(refused, ConfirmationOutdated) else HTTPStatus.UNPROCESSABLE_ENTITY
    if not facts["no_list"]:
        try:
            facts |= _verdict_facts(parts, upload, await _judged(parts, upload, visitor), visitor)
        except IntakeFailed as failed:
            facts["failed"] = failed
    if is_fragment(request):
        # htmx swaps only what went well; a part that says what is wrong is meant to be seen.
        shown = pages.show(request, "verdict.html", **facts)
        if refused is not None:
            shown.headers.update(_JUDGED_LAST)
        return shown
    return pages.show(request, "new_job.html", status=status, **{**_form_facts(parts, visitor), **facts}, judged=True)


async def _judged(parts: WebContext, upload: Upload, visitor: Visitor) -> Judgement:
    return await judge_list(
        parts.app,
        upload.request(parts.settings, visitor.actor),
        upload.stream,
        file_name=upload.file_name,
        options=upload.options(parts.settings),
    )


def _form_facts(parts: WebContext, visitor: Visitor) -> dict[str, Any]:
    actions = visitor.actor.grant.actions
    return {
        "actions": [action for action in Action if actions is None or action in actions],
        "vias": [*Via],
        "priorities": [*Priority],
        "tenants": [*parts.app.tenants],
        "usual_tenant": parts.settings.usual_tenant,
        "ceiling": visitor.actor.grant.ceiling,
        "once": new_once(parts.app),
    }


def _verdict_facts(parts: WebContext, upload: Upload, judged: Judgement, visitor: Visitor) -> dict[str, Any]:
    preview, ceiling = judged.preview, visitor.actor.grant.ceiling
    is_refused = bool(preview.bad) and not upload.form.skip_invalid
    is_within = ceiling is None or preview.good <= ceiling
    return {
        "preview": preview,
        "once": new_once(parts.app),
        "shown": shown_text(_facts_of(upload, parts, preview)),
        "columns": judged.columns,
        "first": [(row, verdict_of(row)) for row in judged.first],
        "odd": [(row, verdict_of(row)) for row in judged.odd],
        "is_refused": is_refused,
        "over_ceiling": None if is_within else ceiling,
        "is_typed": preview.good > asks_above(upload.form.action, parts.settings.confirm_above),
        "is_ready": upload.has_action and preview.good > 0 and not is_refused and is_within,
    }


def _facts_of(upload: Upload, parts: WebContext, preview: Preview) -> Facts:
    """Returns the facts that a verdict is bound to; the reason and the name of the job are none."""
    form = upload.form
    options = form.model_dump(mode="json", exclude={"action", "via", "tenant", "name", "reason"})
    given = [
        name.replace("_", " ") + ("" if value is True else f" {value}")
        for name, value in options.items()
        if value != _DEFAULTS.get(name)
    ]
    return {
        "the action": form.action.value,
        "the device list": f"{upload.file_name or 'a list without a name'} ({preview.sha256[:16]})",
        "the way of addressing": form.via.value,
        "the tenant": form.tenant or parts.settings.usual_tenant,
        "the set of options": ", ".join(given) or "none",
        "the number of devices": preview.good,
    }


def _as_judged(upload: Upload, parts: WebContext) -> Callable[[Preview], bool]:
    """Returns the check before a submission: the same facts were judged, and the count typed where needed."""
    shown = facts_in(upload.besides.get(SHOWN_FIELD, ""))
    typed = upload.besides.get(TYPED_FIELD, "")

    def confirm(preview: Preview) -> bool:
        refuse_outdated(shown, _facts_of(upload, parts, preview))
        above = asks_above(upload.form.action, parts.settings.confirm_above)
        if preview.good > above and not is_typed(typed, preview.good):
            raise _NotTyped(f"These are {preview.good:,} devices. Type that number to confirm; nothing was submitted.")
        return True

    return confirm


def _once_of(upload: Upload) -> str | None:
    return said(upload.besides.get(ONCE_FIELD, ""))


def _is_empty(upload: Upload) -> bool:
    """Whether no file was chosen: a browser sends a part without a name and without a byte then."""
    return upload.file_name is None and not _has_bytes(upload.stream)


def _has_bytes(stream: BinaryIO) -> bool:
    found = bool(stream.read(1))
    stream.seek(0)
    return found


def _any_action(visitor: Visitor) -> Action:
    """An action that the visitor may ask for: how a list is read does not depend on which."""
    allowed = visitor.actor.grant.actions
    return next(action for action in Action if not allowed or action in allowed)


_DEFAULTS = SubmissionForm(action=next(iter(Action))).model_dump(mode="json")
