"""The verdict on a device list as it is shown before any call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NotRequired

from typing_extensions import TypedDict

from orchestrator.domain.errors import MOST_PROBLEMS
from orchestrator.views.bad_rows import BadLine, bad_line
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.submit_job import Preview


class ForecastFacts(TypedDict):
    """When it would be done; without numbers, nothing paces it."""

    seconds: float | None
    perSecond: float | None
    ahead: int


class PreviewFacts(TypedDict):
    """A device list as it was judged, and the forecast of its end."""

    rows: int
    devices: int
    duplicates: int
    rejected: int
    ineligible: int
    leftOut: int
    idColumns: list[str]
    matched: dict[str, int]
    ignored: Annotated[list[str], Description("What was found in the list that is no device and no error.")]
    notes: NotRequired[Annotated[list[str], Description("What was left out of a group, in sentences.")]]
    unknownToInventory: Annotated[
        int | None, Description("Managed device ids that the inventory does not have; they are called all the same.")
    ]
    forecast: ForecastFacts
    problems: Annotated[list[BadLine], Description(f"The bad lines, or the first {MOST_PROBLEMS:,} of them.")]


def preview_object(preview: Preview) -> PreviewFacts:
    """Returns the verdict on a device list as it is shown, without notes."""
    forecast = preview.forecast
    return {
        "rows": preview.rows,
        "devices": preview.good,
        "duplicates": preview.duplicates,
        "rejected": preview.rejected,
        "ineligible": preview.ineligible,
        "leftOut": preview.left_out,
        "idColumns": list(preview.id_columns),
        "matched": preview.matched,
        "ignored": list(preview.ignored),
        "forecast": {"seconds": forecast.seconds, "perSecond": forecast.per_second, "ahead": forecast.ahead},
        "unknownToInventory": preview.unknown,
        "problems": [bad_line(each) for each in preview.problems],
    }
