"""The table of a job's devices: filters, order and page as the address names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query

from orchestrator.domain.access import Role
from orchestrator.domain.target import TargetFilter, TargetOrder, TargetStatus
from orchestrator.http.web_context import WebContext
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.list_targets import SORTED_UP_TO, list_targets, page_of_targets
from orchestrator.web.addresses import query
from orchestrator.web.session import Visitor

TARGETS_SHOWN = 50
BAD = "failed,uncertain"
RETRIABLE = ("failed", "uncertain", "cancelled", "waiting")

_MOST = 10**18
_Word = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class TargetsAsked:
    """The wanted part of the table: `page` counts from 1 in a job that can be sorted, `after` is a line in others."""

    status: str = ""
    error: str = ""
    search: str = ""
    sort: TargetOrder = TargetOrder.STATUS
    page: int = 1
    after: int = 0

    @property
    def filters(self) -> dict[str, str]:
        """The filters as fields of an address; what makes no sense is left out."""
        statuses = [word for word in self.status.split(",") if word in {*TargetStatus}]
        return {
            "status": ",".join(statuses),
            "error": self.error.replace("\x00", ""),
            "search": self.search.replace("\x00", "").strip(),
        }

    def where(self, **other: object) -> str:
        """The query of an address with this order and these filters, or with others."""
        sort = "" if self.sort is TargetOrder.STATUS else self.sort.value
        return query(**{**self.filters, "sort": sort, **other})


def _asked(
    *,
    status: _Word = "",
    error: _Word = "",
    search: _Word = "",
    sort: _Word = "",
    page: Annotated[int, Query(ge=1, lt=10**6)] = 1,
    after: Annotated[int, Query(ge=0, lt=_MOST)] = 0,
) -> TargetsAsked:
    order = TargetOrder(sort) if sort in {*TargetOrder} else TargetOrder.STATUS
    return TargetsAsked(status, error, search, order, page, after)


AskedTargets = Annotated[TargetsAsked, Depends(_asked)]


async def targets_facts(parts: WebContext, visitor: Visitor, view: JobView, asked: TargetsAsked) -> dict[str, Any]:
    """Returns the facts of the table, in three or four statements, however many targets there are."""
    wanted = asked.filters
    sortable = view.tally.total <= SORTED_UP_TO
    is_first = asked.page == 1 and asked.after == 0
    rows = await (_sorted(parts, view, asked) if sortable else _in_order(parts, view, asked))
    return {
        "wanted": wanted,
        "asked": asked,
        "is_sortable": sortable,
        "retries": _retried(wanted["status"])
        if is_first and any(wanted.values()) and visitor.may(Role.OPERATOR)
        else "",
        "target_statuses": [
            (BAD, "Failed or uncertain"),
            *((each.value, each.value.capitalize()) for each in TargetStatus),
        ],
        "codes": sorted({group.code for group in view.errors}),
        **rows,
    }


async def _sorted(parts: WebContext, view: JobView, asked: TargetsAsked) -> dict[str, Any]:
    offset = (asked.page - 1) * TARGETS_SHOWN
    found = await page_of_targets(parts.app, view, asked.sort, _filter_of(asked), offset=offset, limit=TARGETS_SHOWN)
    last = offset + len(found.targets)
    return {
        "targets": found.targets,
        "count": found.count,
        "first_shown": offset + 1,
        "last_shown": last,
        "earlier": asked.page - 1 if asked.page > 1 else None,
        "later": asked.page + 1 if last < found.count and found.targets else None,
        "more": None,
    }


async def _in_order(parts: WebContext, view: JobView, asked: TargetsAsked) -> dict[str, Any]:
    limit = TARGETS_SHOWN + 1
    found = await list_targets(parts.app, view.job.id, _filter_of(asked), after_line=asked.after, limit=limit)
    more = asked.where(after=found[TARGETS_SHOWN - 1].line) if len(found) == limit else None
    paging = {"count": None, "first_shown": 0, "last_shown": 0, "earlier": None, "later": None}
    return {"targets": found[:TARGETS_SHOWN], "more": more, **paging}


def _filter_of(asked: TargetsAsked) -> TargetFilter:
    wanted = asked.filters
    statuses = tuple(TargetStatus(word) for word in wanted["status"].split(",") if word)
    return TargetFilter(statuses, wanted["error"] or None, wanted["search"] or None)


def _retried(status: str) -> str:
    """Returns the statuses that a retry of the shown devices takes: without a filter, every end but success."""
    if not status:
        return ",".join(RETRIABLE[:3])
    return status if set(status.split(",")) <= {*RETRIABLE} else ""
