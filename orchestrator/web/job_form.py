"""The form of a new job as it was sent: which of its sources is meant, and what was decided about bad rows."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from orchestrator.domain.action import Action
from orchestrator.domain.selection import Selection
from orchestrator.http.job_sources import JobForm, JobSource, file_and_fields, opened_source
from orchestrator.http.uploads import Upload, is_upload, missing_file, name_of, read_fields
from orchestrator.http.web_context import WebContext
from orchestrator.web.form_fields import ONCE_FIELD
from orchestrator.web.session import Visitor
from orchestrator.web.shown import SHOWN_FIELD
from orchestrator.web.typed import TYPED_FIELD

SOURCES = ("file", "list", "group", "where", "pasted")
CHOICE = "choice-"
INSTEAD = "instead-"
"""Fields with a line: the candidate that is meant or LEFT_OUT, and the name to read in its place."""
"""What the name of a field begins with that decides about a bad row; the number of its line follows."""

_CONDITION_FIELDS = ("where-field", "where-operator", "where-value")
_OURS = ("csrf", TYPED_FIELD, ONCE_FIELD, SHOWN_FIELD, "source", "pasted", *_CONDITION_FIELDS)
_PASTED_NAME = "pasted-devices.csv"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which devices the form names, in all of its sources; `source` is the one that counts."""

    source: str = "file"
    list_name: str = ""
    group: str = ""
    pasted: str = ""
    conditions: Sequence[tuple[str, str, str]] = ()

    @property
    def is_filled(self) -> bool:
        """Whether the source that counts names something; a file has to be chosen in the page."""
        named = {"list": self.list_name, "group": self.group, "pasted": self.pasted, "where": self.conditions}
        return bool(named.get(self.source))

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The rows of conditions that the page shows, with empty ones to fill in."""
        return [*self.conditions, *_EMPTY_ROWS[len(self.conditions) :]]


@dataclass(frozen=True, slots=True)
class SentJob:
    """A form that arrived: its fields, and the decisions about bad rows by line."""

    upload: Upload
    form: JobForm
    chosen: Chosen
    choices: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no device is named."""
        has_source = self.form.list_name or self.form.group or self.form.where
        return not has_source and self.upload.file_name is None and not _has_bytes(self.upload.stream)

    @property
    def has_action(self) -> bool:
        """Whether an action was chosen."""
        return self.upload.has_action

    @asynccontextmanager
    async def opened(
        self, parts: WebContext, visitor: Visitor, *, idempotency_key: str | None = None
    ) -> AsyncIterator[JobSource]:
        """The devices as a list, from any source, with the decisions about its bad rows."""
        key = idempotency_key
        self.upload.stream.seek(0)
        async with opened_source(parts, visitor.actor, self.upload, self.form, idempotency_key=key) as source:
            yield replace(source, options=replace(source.options, choices=self.choices))


@asynccontextmanager
async def job_received(request: Request, *, action_unless_chosen: Action | None = None) -> AsyncIterator[SentJob]:
    """The form of a request; RequestValidationError for what is wrong with it."""
    # A form that is no multipart would be read into memory.
    if not is_upload(request):
        raise RequestValidationError([missing_file("the form of a new job, as a multipart form")])
    async with file_and_fields(request, _CONDITION_FIELDS) as (file, texts):
        besides = {name: texts.pop(name) for name in _OURS if name in texts}
        choices = {name: texts.pop(name) for name in list(texts) if name.startswith((INSTEAD, CHOICE))}
        has_action = bool(str(texts.get("action", "")).strip())
        if not has_action and action_unless_chosen is not None:
            texts["action"] = action_unless_chosen.value
        stream: BinaryIO = io.BytesIO() if file is None else file.file
        file_name = None if file is None else name_of(file)
        chosen = _chosen(besides, texts, has_file=file_name is not None)
        if chosen.source == "pasted":
            file_name, stream = _PASTED_NAME, io.BytesIO("\n".join(_lines(chosen.pasted)).encode())
            file_name = file_name if _has_bytes(stream) else None
        form = read_fields(JobForm, {**_without_sources(texts), **_source_of(chosen)})
        if chosen.source not in {"file", "pasted"}:
            file_name, stream = None, io.BytesIO()
        texts_beside = {name: text for name, text in besides.items() if isinstance(text, str)}
        upload = Upload(stream, file_name, form, texts_beside, has_action)
        yield SentJob(upload, form, chosen, _decisions(choices))


def chosen_from(selection: Selection | None) -> Chosen:
    """The form filled in with a selection; for the file of an old job it has to be chosen anew."""
    if selection is None:
        return Chosen()
    if selection.list_name is not None:
        return Chosen("list", list_name=selection.list_name)
    if selection.group is not None:
        return Chosen("group", group=selection.group)
    if selection.devices:
        return Chosen("pasted", pasted="\n".join(selection.devices))
    return Chosen("where", conditions=[(each.field, each.operator, each.value) for each in selection.conditions])


def chosen_by_address(source: str, selection: Selection) -> Chosen:
    """The form as a link fills it in: with the selection where there is one, else with the empty source."""
    if selection != Selection():
        return chosen_from(selection)
    # Links to one device say so; its source is the field for names and ids.
    source = {"device": "pasted"}.get(source, source)
    return Chosen(source) if source in SOURCES else Chosen()


def _chosen(besides: Mapping[str, Any], texts: Mapping[str, Any], *, has_file: bool) -> Chosen:
    # Browsers send CR LF, and the page that gives the text back would show each CR as a character.
    pasted = "\n".join(str(besides.get("pasted", "")).splitlines())
    source = besides.get("source")
    if source not in SOURCES:
        source = "pasted" if pasted.strip() and not has_file else "file"
    cells = zip(*(besides.get(name, ()) for name in _CONDITION_FIELDS), strict=False)
    conditions = [(name, operator, value.strip()) for name, operator, value in cells if value.strip()]
    return Chosen(source, str(texts.get("list", "")), str(texts.get("group", "")), pasted, conditions)


def _source_of(chosen: Chosen) -> dict[str, Any]:
    if chosen.source == "where":
        return {"where": tuple("".join(each) for each in chosen.conditions)}
    return {"list": {"list": chosen.list_name}, "group": {"group": chosen.group}}.get(chosen.source, {})


def _without_sources(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: text for name, text in texts.items() if name not in {"list", "group", "where", "device"}}


def _lines(pasted: str) -> list[str]:
    return [line.strip() for line in pasted.splitlines() if line.strip()]


def _decisions(fields: Mapping[str, Any]) -> dict[int, str]:
    # Sorted, a choice comes after a name: a row that is left out stays so, also with a name in the field beside.
    by_kind = sorted(fields.items(), key=lambda field: field[0].startswith(CHOICE))
    named = ((name.rpartition("-")[2], str(value).strip()) for name, value in by_kind)
    return {int(line): value for line, value in named if value and line.isdecimal() and len(line) < _LONGEST_LINE}


def _has_bytes(stream: BinaryIO) -> bool:
    found = bool(stream.read(1))
    stream.seek(0)
    return found


_LONGEST_LINE = 10
_EMPTY_ROWS = (("name", "=", ""), ("os", "=", ""), ("last-contact", "<", ""), ("user", "=", ""))
"""The rows of conditions that a new form offers."""
