"""The devices of a job that comes as a form: a file, a saved list, a group, conditions, or single devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.datastructures import UploadFile

from orchestrator.domain.access import Actor, Scope
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.selection import written_selection
from orchestrator.http.json_model import Text
from orchestrator.http.uploads import (
    FIELDS_ROOM,
    LIMITS,
    SubmissionForm,
    Upload,
    form_schema,
    is_upload,
    missing_file,
    name_of,
    read_fields,
)
from orchestrator.http.web_context import WebContext
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.select_devices import selected
from orchestrator.usecases.jobs.submit_job import JobRequest

_REPEATED = ("device", "where")


class JobForm(SubmissionForm):
    """The fields of a submission, with the sources that stand in place of a file."""

    list_name: Text | None = Field(default=None, alias="list", description="In place of a file: a saved list.")
    group: Text | None = Field(
        default=None, description="In place of a file: the devices of an Entra group, by name or object id."
    )
    device: tuple[Text, ...] = Field(
        default=(), description="In place of a file: a device by name, serial number or id. May be repeated."
    )
    where: tuple[Text, ...] = Field(
        default=(), description="In place of a file: a condition on the inventory, such as name=BER-*. May be repeated."
    )


@dataclass(frozen=True, slots=True)
class JobSource:
    """The list of a job, from any source; `notes` are sentences about the rows that were left out."""

    stream: BinaryIO
    file_name: str | None
    request: JobRequest
    options: IntakeOptions
    notes: list[str] = field(default_factory=list)


@asynccontextmanager
async def job_source(
    request: Request, parts: WebContext, by: Actor, *, idempotency_key: str | None = None
) -> AsyncIterator[JobSource]:
    """The source of a request; RequestValidationError or RequestRejected for a form that does not fit.

    A selection reads the inventory, and a group reads Graph, so `by` is asked first whether the tenant is theirs.
    """
    async with file_and_fields(request) as (file, texts):
        form = read_fields(JobForm, texts)
        if file is None and not _sources(form):
            raise RequestValidationError([missing_file(_THE_SOURCE)])
        if (file is not None and _sources(form)) or _sources(form) > 1:
            raise RequestRejected(
                "Name the devices in one way: file, list, group, device or where. Several were given."
            )
        given = file.file if file is not None else None
        upload = Upload(given, None if file is None else name_of(file), form)  # type: ignore[arg-type]  # read below
        async with opened_source(parts, by, upload, form, idempotency_key=idempotency_key) as source:
            yield source


@asynccontextmanager
async def opened_source(
    parts: WebContext, by: Actor, upload: Upload, form: JobForm, *, idempotency_key: str | None = None
) -> AsyncIterator[JobSource]:
    """The file of the upload as a list, or the selection that the form names in place of one."""
    job = upload.request(parts.settings, by, idempotency_key=idempotency_key)
    options = upload.options(parts.settings)
    if not _sources(form):
        yield JobSource(upload.stream, upload.file_name, job, options)
        return
    tenant = parts.app.tenant(job.tenant)
    by.grant.refuse_change(Scope(actions=frozenset({job.action}), tenants=frozenset({tenant.name})))
    notes: list[str] = []
    selection = written_selection(form.model_dump())
    async with selected(parts.app, tenant.name, selection, say=notes.append) as stream:
        options = replace(options, is_selection=True)
        yield JobSource(stream, selection.label[:_LONGEST_LABEL], job, options, notes)


def job_schema() -> dict[str, Any]:
    """The form of a job in the OpenAPI document."""
    return form_schema(JobForm, ["action"])


@asynccontextmanager
async def file_and_fields(
    request: Request, repeated: Collection[str] = _REPEATED
) -> AsyncIterator[tuple[UploadFile | None, dict[str, Any]]]:
    """The file of a form, if there is one, and its fields; those that may be repeated are tuples."""
    if not is_upload(request):
        yield None, _with_repeated(await _urlencoded(request), repeated)
        return
    async with request.form(**LIMITS) as form:
        file = form.get("file")
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "file"]
        yield (file if isinstance(file, UploadFile) else None), _with_repeated(texts, repeated)


async def _urlencoded(request: Request) -> list[tuple[str, str]]:
    """The fields of a form without a file; such a form is held in memory, so it is bounded."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise RequestValidationError([missing_file(_THE_SOURCE)])
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FIELDS_ROOM:
            raise RequestRejected("The form is too long: a device list is sent as a file of a multipart form.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=LIMITS["max_fields"])
    except ValueError as problem:
        raise RequestRejected("The form cannot be read.") from problem


def _with_repeated(texts: list[tuple[str, str]], repeated: Collection[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text for name, text in texts if name not in repeated}
    for name in repeated:
        if several := tuple(text for key, text in texts if key == name and (text.strip() or name not in _REPEATED)):
            fields[name] = several
    return fields


def _sources(form: JobForm) -> int:
    return sum((bool(form.device), bool(form.where), form.list_name is not None, form.group is not None))


_THE_SOURCE = "the device list, as a file of a multipart form, or one of list, group, device and where"
_LONGEST_LABEL = 200
