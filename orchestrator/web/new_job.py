"""The page that submits a job: a device list, what would become of it row by row, and the count typed back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import asks_above
from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed, RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.serving.served import Parts, Served
from orchestrator.serving.uploads import FIELDS_ROOM, Upload, received
from orchestrator.usecases.judge_list import Judgement, judge_list, odd_rows, verdict_of
from orchestrator.usecases.submit_job import Preview, submit_job
from orchestrator.web.move_forms import said
from orchestrator.web.once import ONCE_FIELD, new_once
from orchestrator.web.pages import Pages, go_to
from orchestrator.web.session import Operator, Visitor
from orchestrator.web.typed import TYPED_FIELD, is_typed

_PAGE_FIELDS = frozenset({"csrf", TYPED_FIELD, ONCE_FIELD})


def new_job_routes(pages: Pages, max_bytes: int) -> APIRouter:
    """The form, its verdict, the rows that would not be called, and the submission."""
    routes = APIRouter(prefix="/jobs/new", max_body_size=max_bytes + FIELDS_ROOM)

    @routes.get("")
    async def form(request: Request, parts: Parts, visitor: Operator) -> Response:
        actions = visitor.asker.grant.actions
        return pages.show(
            request,
            "new_job.html",
            actions=[action for action in Action if actions is None or action in actions],
            vias=[*Via],
            priorities=[*Priority],
            tenants=[*parts.app.tenants],
            usual_tenant=parts.settings.usual_tenant,
            ceiling=visitor.asker.grant.ceiling,
            once=new_once(parts.app),
        )

    @routes.post("/verdict")
    async def verdict(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with received(request, besides=_PAGE_FIELDS) as upload:
            try:
                judged = await _judged(parts, upload, visitor)
            except IntakeFailed as failed:
                return pages.show(request, "verdict_failed.html", failed=failed)
        return pages.show(request, "verdict.html", **_verdict_facts(parts, upload, judged, visitor))

    @routes.post("/odd.csv")
    async def not_called(request: Request, parts: Parts, visitor: Operator) -> Response:
        async with AsyncExitStack() as opened:
            upload = await opened.enter_async_context(received(request, besides=_PAGE_FIELDS))
            asked = upload.request(parts.settings, visitor.asker)
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
        async with received(request, besides=_PAGE_FIELDS) as upload:
            confirm = _must_be_typed(upload, parts)
            job = await submit_job(
                parts.app,
                upload.request(parts.settings, visitor.asker, idempotency_key=said(upload.besides.get(ONCE_FIELD, ""))),
                upload.stream,
                file_name=upload.file_name,
                options=upload.options(parts.settings),
                confirm=confirm,
            )
        return go_to(request, f"/jobs/{job.id}")

    return routes


async def _judged(parts: Served, upload: Upload, visitor: Visitor) -> Judgement:
    return await judge_list(
        parts.app,
        upload.request(parts.settings, visitor.asker),
        upload.stream,
        file_name=upload.file_name,
        options=upload.options(parts.settings),
    )


def _verdict_facts(parts: Served, upload: Upload, judged: Judgement, visitor: Visitor) -> dict[str, Any]:
    preview, ceiling = judged.preview, visitor.asker.grant.ceiling
    is_refused = bool(preview.bad) and not upload.form.skip_invalid
    return {
        "preview": preview,
        "form": upload.form,
        "once": new_once(parts.app),
        "columns": judged.columns,
        "first": [(row, verdict_of(row)) for row in judged.first],
        "odd": [(row, verdict_of(row)) for row in judged.odd],
        "is_refused": is_refused,
        "over_ceiling": ceiling if ceiling is not None and preview.good > ceiling else None,
        "is_typed": preview.good > asks_above(upload.form.action, parts.settings.confirm_above),
        "is_ready": preview.good > 0 and not is_refused and (ceiling is None or preview.good <= ceiling),
    }


def _must_be_typed(upload: Upload, parts: Served) -> Callable[[Preview], bool]:
    """What a submission asks once everything is read: whether the count was typed, where it must be."""
    above = asks_above(upload.form.action, parts.settings.confirm_above)
    typed = upload.besides.get(TYPED_FIELD, "")

    def confirm(preview: Preview) -> bool:
        if preview.good > above and not is_typed(typed, preview.good):
            raise RequestRejected(
                f"These are {preview.good:,} devices. Type that number to confirm; nothing was submitted."
            )
        return True

    return confirm
