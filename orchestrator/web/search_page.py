"""The search at the top of every page: devices, jobs, schedules and lists, the best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.figures import plural
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.domain.schedule import Schedule
from orchestrator.domain.search_rank import Rank
from orchestrator.http.web_context import TheApp
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.operations.search_everything import Found, Hit, search_everything
from orchestrator.web.addresses import query
from orchestrator.web.formatting import standing
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Viewer

OFFERED = 5
"""Results of a kind below the search field; the page has all that were found."""

_LEAST = 2
"""Characters of a text that is looked for: nearly everything contains any single one."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line: where it leads, its name, and what else tells it apart; `at` is a time of it, where it has one."""

    rank: Rank
    where: str
    title: str
    detail: str
    at: Any = None


@dataclass(frozen=True, slots=True)
class Section:
    """The results of one kind, the best first; `more` leads to all of the kind."""

    title: str
    sign: str
    results: Sequence[Result]
    more: str


def search_page(pages: Pages) -> APIRouter:
    """The results as a page, and as the list below the field."""
    routes = APIRouter()

    @routes.get("/search")
    async def search(
        request: Request, app: TheApp, _: Viewer, search: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        text = search.replace("\x00", "").strip()
        offers = is_fragment(request)
        sections: list[Section] = []
        if len(text) >= _LEAST:
            sections = sections_of(await search_everything(app, text, thoroughly=not offers), text)
        best = only_exact(sections)
        if best is not None and not offers:
            return RedirectResponse(best.where, HTTPStatus.SEE_OTHER)
        template = "search_found.html" if offers else "search.html"
        return pages.show(
            request, template, sections=sections, search=text, most=OFFERED if offers else None, least=_LEAST
        )

    return routes


def only_exact(sections: Sequence[Section]) -> Result | None:
    """The only result that has exactly this name: the search leads there at once; None otherwise."""
    exact = [each for section in sections for each in section.results if each.rank is Rank.EXACT]
    return exact[0] if len(exact) == 1 else None


def sections_of(found: Found, text: str) -> list[Section]:
    """The kinds of which something was found, the one with the best result first."""
    sections = [
        Section("Devices", "laptop", [*_lines(found.devices, _device)], f"/devices{query(search=text)}"),
        Section("Jobs", "list-checks", [*_lines(found.jobs, _job)], f"/jobs{query(search=text)}"),
        Section("Schedules", "calendar", [*_lines(found.schedules, _schedule)], "/schedules"),
        Section("Lists", "list", [*_lines(found.lists, _list)], "/lists"),
    ]
    return sorted((each for each in sections if each.results), key=lambda each: each.results[0].rank)


def _lines(hits: Sequence[Hit[Any]], drawn: Callable[[Rank, Any], Result]) -> Iterator[Result]:
    return (drawn(hit.rank, hit.thing) for hit in hits)


def _device(rank: Rank, found: tuple[str, InventoryDevice]) -> Result:
    tenant, device = found
    facts = (device.user_principal_name, device.serial_number, tenant)
    where = f"/devices/{quote(device.id, safe='')}{query(tenant=tenant)}"
    return Result(rank, where, device.name or device.id, " · ".join(filter(None, facts)))


def _job(rank: Rank, view: JobView) -> Result:
    job = view.job
    _, words = standing(view.status, view.tally)
    detail = f"{words} · {job.action.label} · {job.tenant}"
    return Result(rank, f"/jobs/{job.id}", job.name or job.intake.file_name or job.id, detail, job.submitted_at)


def _schedule(rank: Rank, schedule: Schedule) -> Result:
    order = schedule.order
    detail = f"{schedule.status.capitalize()} · {order.action.label} · {order.tenant}"
    return Result(rank, f"/schedules/{quote(schedule.name, safe='')}", schedule.name, detail)


def _list(rank: Rank, version: ListVersion) -> Result:
    detail = f"{plural(version.devices, 'device')} · version {version.version}"
    return Result(rank, f"/lists/{quote(version.name, safe='')}", version.name, detail)
