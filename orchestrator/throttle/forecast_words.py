"""A forecast in words; pure."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.figures import plural
from orchestrator.domain.spans import span
from orchestrator.throttle.forecast import Forecast


def forecast_line(forecast: Forecast) -> str | None:
    """How long it will take, where something paces it; pure."""
    if forecast.seconds is None or forecast.per_second is None:
        return None
    behind = f", behind {plural(forecast.ahead, 'call')} of other jobs" if forecast.ahead else ""
    return f"About {span(forecast.seconds)} at {forecast.per_second:.1f} a second{behind}."


def too_long(forecast: Forecast, window: timedelta | None) -> str | None:
    """A window that will not suffice, in words; None where it will, or where that is not known."""
    if window is None or forecast.seconds is None or forecast.per_second is None:
        return None
    there = window.total_seconds()
    if forecast.seconds <= there:
        return None
    left = round((forecast.seconds - there) * forecast.per_second)
    return (
        f"window: it will not suffice, about {span(forecast.seconds)} are needed and {span(there)} are there; "
        f"about {left:,} devices will be left"
    )
