"""A device list that is to be kept, as it comes as a form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import Request
from pydantic import Field

from orchestrator.domain.device import Via
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import declared
from orchestrator.http.json_model import Text
from orchestrator.http.option_fields import with_options
from orchestrator.http.uploads import IntakeForm, file_and_texts, form_schema, read_fields
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import Settings
from orchestrator.settings.tenant_rows import intake_options


@with_options((each for each in declared(JobSpec) if each.name == "via"), Text)
class ListForm(IntakeForm):
    """The fields beside the file."""

    name: Text = Field(min_length=1)
    reason: Text | None = Field(default=None, description="Why; the audit log keeps it.")
    skip_invalid: bool = Field(default=False, description="Keep the good rows although others are bad.")
    tenant: Text | None = Field(default=None, description="Against whose inventory names are matched.")


@dataclass(frozen=True, slots=True)
class ListUpload:
    """A list that arrived whole."""

    name: str
    via: Via
    stream: BinaryIO
    file_name: str | None
    options: IntakeOptions
    tenant: str | None
    reason: str | None
    besides: Mapping[str, str]
    form: ListForm


@asynccontextmanager
async def list_received(
    request: Request, settings: Settings, *, besides: Collection[str] = ()
) -> AsyncIterator[ListUpload]:
    """The list of a request; RequestValidationError for what does not fit."""
    async with file_and_texts(request) as (stream, file_name, texts):
        form = read_fields(ListForm, {name: text for name, text in texts.items() if name not in besides})
        options = intake_options(settings, form.written)
        # A list of ids needs no tenant, and an installation that only keeps lists may have none.
        tenant = form.tenant or (settings.usual_tenant if settings.tenants else None)
        others = {name: texts[name] for name in besides if name in texts}
        via = form.model_dump()["via"]
        yield ListUpload(form.name, via, stream, file_name, options, tenant, form.reason, others, form)


def list_schema() -> dict[str, Any]:
    """The form in the OpenAPI document."""
    return form_schema(ListForm, ["file", "name"])
