"""A forecast in words; pure."""

from __future__ import annotations

from orchestrator.domain.figures import plural
from orchestrator.domain.spans import span
from orchestrator.throttle.forecast import Forecast


def forecast_line(forecast: Forecast) -> str | None:
    """How long it will take, where something paces it; pure."""
    if forecast.seconds is None or forecast.per_second is None:
        return None
    behind = f", behind {plural(forecast.ahead, 'call')} of other jobs" if forecast.ahead else ""
    return f"About {span(forecast.seconds)} at {forecast.per_second:.1f} a second{behind}."
