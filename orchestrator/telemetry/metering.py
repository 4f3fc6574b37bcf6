"""The metrics of one process, made with the first figure: a command that lists jobs counts nothing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.telemetry.metrics import Metrics


class Metering:
    """Holds the one `Metrics` of a process."""

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics; prometheus_client, with a web server of its own, is loaded by the first who asks."""
        from orchestrator.telemetry.metrics import Metrics  # noqa: PLC0415 - that is what waits

        return Metrics()
