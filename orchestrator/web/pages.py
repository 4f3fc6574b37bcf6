"""How a page is made: the templates, and what every one of them may use."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestrator import __version__
from orchestrator.domain.figures import plural
from orchestrator.domain.plain_text import shown_lines
from orchestrator.domain.recurrence_words import DAYS, sentence_of
from orchestrator.domain.spans import span
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.web import formatting
from orchestrator.web.addresses import query
from orchestrator.web.calendar_runs import ended, strip
from orchestrator.web.display import display_of
from orchestrator.web.job_groups import duration, rate
from orchestrator.web.page_words import in_page_words
from orchestrator.web.session import Visitor
from orchestrator.web.shown import shown_text

HERE = Path(__file__).parent

_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_ROWS_KEPT = 1_000
_MOST = 10**18
"""As in the API; the databases' numbers end a little later."""
Before = Annotated[int | None, Query(ge=0, lt=_MOST)]


class _WithoutIndents(FileSystemLoader):
    """Reads templates without the indents of their lines, a tenth of the first page that no browser needs."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        text, path, is_current = super().get_source(environment, template)
        return _INDENT.sub("", text), path, is_current


class Pages:
    """The templates of the dashboard."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=_WithoutIndents(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=_without_controls,
        )
        self._templates.filters.update(
            number=formatting.number,
            time_tag=formatting.time_tag,
            span=span,
            per_second=formatting.per_second,
            in_page_words=in_page_words,
            as_shown=shown_text,
            as_limit=formatting.as_limit,
            in_words=formatting.in_words,
            one_line=one_line,
        )
        self._templates.globals.update(
            plural=plural,
            percent=formatting.percent,
            bar=formatting.bar,
            headline=formatting.headline,
            standing=formatting.standing,
            sign_of=formatting.sign_of,
            icon=icon,
            duration=duration,
            rate=rate,
            left=formatting.left,
            sentence_of_recurrence=sentence_of,
            ended=ended,
            strip=strip,
            city=formatting.city,
            weekdays=DAYS,
            version=__version__,
            asset=asset,
            query=query,
            final_row=lru_cache(_ROWS_KEPT)(self._final_row),
        )

    def text(self, template: str, **facts: Any) -> str:
        """A fragment as text."""
        return self._templates.get_template(template).render(**facts)

    def _final_row(self, view: JobView, run: bool, several_tenants: bool) -> Markup:  # noqa: FBT001 - as a template names them
        """A row of the list of jobs that no clock changes; drawing fifty of them took half of the time of the page."""
        facts = {"run": run, "several_tenants": several_tenants, "now": view.job.finished_at}
        return Markup(self.text("job_row.html", view=view, **facts))  # noqa: S704 - our template, which escapes

    def show(self, request: Request, template: str, *, status: int = 200, **facts: Any) -> Response:
        """A page, which no cache may store."""
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        here = request.url.path
        stops = getattr(request.state, "emergency_stops", ())
        shared = {
            "visitor": visitor,
            "emergency_stops": stops,
            "counts": getattr(request.state, "counts", None),
            "here": here,
            "display": display_of(request),
            "is_fragment": is_fragment(request),
        }
        text = self.text(template, **shared, **facts)
        return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def one_line(html: str) -> Markup:
    """Returns HTML in one line, as an event of a stream has it and the first page is lighter."""
    return Markup(" ".join(html.split()))  # noqa: S704 - it was HTML before


def _without_controls(output: object) -> object:
    """Returns a text of a template with a symbol for each control character, since device names come from lists."""
    # Nearly every text is printable, and telling that costs a tenth of the search for control characters.
    if not isinstance(output, str) or output.isprintable() or isinstance(output, Markup):
        return output
    return shown_lines(output)


@lru_cache
def asset(name: str) -> str:
    """Where a file of ours is; its address changes with its content, so that it may be kept for ever."""
    digest = sha256((HERE / "static" / name).read_bytes()).hexdigest()[:8]
    return f"/static/{name}?{digest}"


@lru_cache
def icon(name: str) -> Markup:
    """One icon of the sprite; the word beside it says what it means."""
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(asset("icons.svg"), name)


def go_to(request: Request, where: str) -> Response:
    """Lead the reader there, whether they pressed a button or a script did it for them."""
    if is_fragment(request):
        return Response(headers={"HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def is_fragment(request: Request) -> bool:
    """Whether a part of a page was asked for, by the page itself."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"
