"""A connection whose calls are timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.app import Connection, TokenView, WayView
from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.clock import Clock
from orchestrator.domain.outcome import Outcome
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.traces import spanned


@dataclass(frozen=True, slots=True)
class MeasuredConnection:
    """Another connection, and how long Graph takes to answer it."""

    inner: Connection
    clock: Clock
    metrics: Metrics

    async def ready(self) -> Outcome | None:
        """Have a token at hand; no part of how long Graph takes."""
        return await self.inner.ready()

    async def trigger(self, call: Call, may_leave: MayLeave) -> Outcome | None:
        """One call; None where it may not leave any more once there is a connection."""
        began = self.clock.monotonic()
        with spanned("graph.trigger", action=call.action.value, client_request_id=call.client_request_id):
            outcome = await self.inner.trigger(call, may_leave)
        if outcome is not None:
            self.metrics.graph.labels(type(outcome).__name__.lower()).observe(self.clock.monotonic() - began)
        return outcome

    async def trigger_together(
        self, calls: Sequence[Call], may_leave: MayLeave
    ) -> list[Outcome] | EnvelopesRefused | None:
        """Several calls in one envelope, timed as one."""
        began = self.clock.monotonic()
        with spanned("graph.trigger_together", calls=len(calls)):
            outcomes = await self.inner.trigger_together(calls, may_leave)
        if outcomes is not None:
            self.metrics.graph.labels("envelope").observe(self.clock.monotonic() - began)
        return outcomes

    async def check_way(self) -> WayView:
        """Go the way of a call, to no device."""
        return await self.inner.check_way()

    async def issuer_seen(self) -> str | None:
        """Who issued the certificate that is shown for Graph."""
        return await self.inner.issuer_seen()

    async def token_view(self) -> TokenView:
        """Sign in and read the token."""
        return await self.inner.token_view()
