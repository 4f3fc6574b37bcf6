"""Blackouts as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.blackout import Blackout
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.usecases.schedules.change_blackouts import BlackoutView

_From = TypedDict("_From", {"from": str})
_For = TypedDict(
    "_For", {"for": Annotated[str, Description("`all`, the name of a schedule, or `tenant` and the name of one.")]}
)


class BlackoutFacts(_From):
    """A time in which no schedule starts a job."""

    to: str
    reason: str | None


class ListedBlackout(_From, _For):
    """A blackout with its number and the schedules that it holds for.

    Bounds without a zone are local times of each schedule.
    """

    number: int | None
    to: str
    reason: str
    schedule: Annotated[str | None, Description("The only schedule that it holds for.")]
    tenant: Annotated[str | None, Description("The tenant whose schedules it holds for.")]


def blackout_object(blackout: Blackout) -> BlackoutFacts:
    """Returns a blackout as a schedule shows it."""
    return {"from": blackout.starts.isoformat(), "to": blackout.ends.isoformat(), "reason": blackout.reason}


def listed_blackout_object(view: BlackoutView) -> ListedBlackout:
    """Returns a blackout as the list of all blackouts shows it."""
    blackout = view.blackout
    return {
        "number": blackout.number,
        "from": blackout.starts.isoformat(),
        "to": blackout.ends.isoformat(),
        "for": view.schedule or (f"tenant {view.tenant}" if view.tenant else "all"),
        "reason": blackout.reason or "",
        "schedule": view.schedule,
        "tenant": view.tenant,
    }
