"""The verdict on a device list as JSON; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.intake.bad_rows import problem_objects

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.submit_job import Preview


def preview_object(preview: Preview) -> dict[str, Any]:
    """Returns the verdict on a device list, before any call."""
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
        "problems": problem_objects(preview.problems),
    }
