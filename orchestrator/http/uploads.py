"""A device list that comes as a form: on disk while it is read, and gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, TypedDict, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from orchestrator.domain.access import Actor
from orchestrator.domain.inventory import Matching
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import assembled, declared, values_of
from orchestrator.domain.plain_text import shown
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.option_fields import with_options
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import Settings
from orchestrator.settings.tenant_rows import intake_options, tenant_rows
from orchestrator.usecases.jobs.submit_job import JobRequest

F = TypeVar("F", bound=JsonModel)


class _Limits(TypedDict):
    max_files: int
    max_fields: int
    max_part_size: int


FIELDS_ROOM = 1024 * 1024
"""Bytes that an upload may have besides its file."""

_THE_FILE = "the device list, as a file of a multipart form"
_MOST_FIELDS = 200
_MOST_OF_A_FIELD = 16 * 1024


LIMITS: _Limits = {"max_files": 1, "max_fields": _MOST_FIELDS, "max_part_size": _MOST_OF_A_FIELD}
"""Bounds of a form that is read to disk."""


class IntakeForm(JsonModel):
    """The fields beside a file that say how it is read."""

    column: Text | None = Field(default=None, description="Which column holds the id.")
    skip_invalid: bool = Field(default=False, description="Call the good rows although others are bad.")
    only_eligible: bool = Field(default=False, description="Leave out rows that cannot take a ConfigMgr action.")
    all: bool = Field(default=False, description="Of a report that Muster wrote, take every row.")
    match: Matching = Field(
        default="auto", description="What the rows hold: ids, or names to be matched against the inventory."
    )
    prefer: Literal["newest"] | None = Field(
        default=None, description="Of several devices of one name, take the one that was in contact last."
    )
    stale_ok: bool = Field(default=False, description="Match against the inventory however old it is.")

    @property
    def written(self) -> dict[str, Any]:
        """The fields by the names that the command line has for them."""
        return {**self.model_dump(), "take_all": self.all}


@with_options(declared(JobSpec), Text)
class SubmissionForm(IntakeForm):
    """The fields beside the file; those that are not given have the defaults of `muster submit`."""

    model_config = ConfigDict(**{**JsonModel.model_config, "str_strip_whitespace": True})

    @property
    def job(self) -> JobSpec:
        """The options of the job; its tenant is empty where none was named."""
        values = {each.name: getattr(self, each.name) for each in declared(JobSpec)}
        return assembled(JobSpec, {**values, "tenant": values["tenant"] or ""})


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that arrived whole."""

    stream: BinaryIO
    file_name: str | None
    form: SubmissionForm
    besides: Mapping[str, str] = field(default_factory=dict)
    has_action: bool = True

    def request(self, settings: Settings, by: Actor, *, idempotency_key: str | None = None) -> JobRequest:
        """The fields of the request, apart from the devices."""
        job = self.form.job
        values = {**values_of(job), "tenant": job.tenant or settings.usual_tenant}
        return assembled(JobRequest, values, by=by, idempotency_key=idempotency_key)

    def options(self, settings: Settings) -> IntakeOptions:
        """Returns the options by which the list is read."""
        tenants = tenant_rows(settings, self.form.job.tenant or settings.usual_tenant)
        return intake_options(settings, self.form.written, tenants=tenants)


@asynccontextmanager
async def file_and_texts(request: Request) -> AsyncIterator[tuple[BinaryIO, str | None, dict[str, str]]]:
    """The file of a form with its name, and the fields beside it.

    Asked for inside the route and not as its parameter: a parameter is read before the key is checked.
    """
    # A form that is no multipart would be read into memory, of any size.
    if not is_upload(request):
        raise RequestValidationError([missing_file(_THE_FILE)])
    async with request.form(**LIMITS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise RequestValidationError([missing_file(_THE_FILE)])
        yield file.file, name_of(file), _texts(form)


def is_upload(request: Request) -> bool:
    """Whether the body is a form that is read to disk, part by part."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def upload_field(request: Request, name: str) -> str:
    """One text field of an upload, empty where there is none; the form stays with the request, to be read once."""
    given = (await request.form(**LIMITS)).get(name)
    return given if isinstance(given, str) else ""


def read_fields(form: type[F], texts: Mapping[str, Any]) -> F:
    """The fields, checked; an empty one counts as absent, and names are taken in any letter case."""
    given: dict[str, Any] = {name: text for name, text in texts.items() if not isinstance(text, str) or text.strip()}
    for name in ("match", "prefer"):
        if name in given:
            given[name] = given[name].strip().casefold()
    try:
        return form.model_validate(given)
    except ValidationError as problem:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in problem.errors(include_context=False)]
        ) from problem


def form_schema(form: type[JsonModel], required: list[str]) -> dict[str, Any]:
    """A form with a file in the OpenAPI document."""
    schema = form.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema.pop("additionalProperties", None)
    schema["properties"] = {
        "file": {"type": "string", "format": "binary", "description": "The device list, as CSV."},
        **schema["properties"],
    }
    schema["required"] = required
    content = {"schema": schema, "encoding": {"file": {"contentType": "text/csv"}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": content}}}


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def name_of(file: UploadFile) -> str | None:
    """The name of an uploaded file, without a folder; None where it has none."""
    # Some browsers of old send the whole path.
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2][:255].replace("\x00", "")
    return shown(name) or None


def missing_file(what: str) -> dict[str, Any]:
    """The fault of a form without its file, as pydantic words it."""
    return {"type": "missing", "loc": ("body", "file"), "msg": f"Field required: {what}", "input": None}
