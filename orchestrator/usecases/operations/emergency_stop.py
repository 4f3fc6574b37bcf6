"""Stop every call of one tenant, or of all, and lift that again; workers see it within a second."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, refuse_outdated, stop_facts
from orchestrator.domain.emergency_stop import EmergencyStop, lanes_of_tenant, stops_to_lift
from orchestrator.domain.errors import NotPermitted, RequestRejected, UnknownTenant
from orchestrator.domain.plain_text import plain_text
from orchestrator.engine.publish_waiting import publish_waiting
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.idempotency import Idempotency, result_before

log = get_logger(__name__)


async def stop_calls(app: App, *, tenant: str | None, reason: str, by: Actor) -> EmergencyStop:
    """Puts an emergency stop in force; one of the same scope that is in force already stays, with its reason.

    Operators may do this within their tenants; NotPermitted beyond, UnknownTenant, RequestRejected without a reason.
    """
    by.grant.refuse_below(Role.OPERATOR)
    if tenant is not None:
        by.grant.refuse_tenant(tenant)
    elif by.grant.tenants is not None:
        allowed = ", ".join(sorted(by.grant.tenants)) or "none"
        raise NotPermitted(f"You may stop the calls of these tenants: {allowed}. Name one of them.")
    reason = _checked(reason, "Say why: an emergency stop needs a reason.")
    async with app.store.transaction() as tx:
        lanes = None if tenant is None else await _lanes_of(app, tx, tenant)
        now = await tx.now()
        before = next((stop for stop in await tx.emergency_stops.in_force() if stop.tenant == tenant), None)
        stop = before or EmergencyStop(tenant, reason, by.name, now, lanes)
        if before is None:
            await tx.emergency_stops.add(stop)
        facts = {"tenant": tenant, "wasInForce": before is not None}
        await tx.audit.write(by, "emergency_stop.set", tenant, reason=reason, facts=facts, now=now)
    log.warning("emergency_stop.set", tenant=tenant, by=by.name, reason=reason)
    return stop


async def lift_stop(
    app: App,
    *,
    tenant: str | None,
    reason: str,
    by: Actor,
    shown: Facts | None = None,
    idempotency: Idempotency | None = None,
) -> list[EmergencyStop]:
    """Lifts the stop of one tenant, or without a tenant every stop; answers with those that were lifted.

    Admins may do this; NotPermitted for others, RequestRejected without a reason or where no such stop is in force,
    ConfirmationOutdated where other stops are in force than those that were shown. With the key of the same request
    before, nothing is lifted.
    """
    by.grant.refuse_below(Role.ADMIN)
    reason = _checked(reason, "Say why: lifting an emergency stop needs a reason.")
    async with app.store.transaction() as tx:
        if await result_before(tx, idempotency, tenant or "") is not None:
            return []
        stops = await tx.emergency_stops.in_force()
        lifted = stops_to_lift(stops, tenant)
        if not lifted:
            raise RequestRejected(_none_to_lift(stops, tenant))
        refuse_outdated(shown, stop_facts(lifted))
        for stop in lifted:
            await tx.emergency_stops.lift(stop.tenant)
            facts = {"tenant": stop.tenant, "by": stop.by, "stoppedFor": stop.reason}
            await tx.audit.write(
                by, "emergency_stop.lifted", stop.tenant, reason=reason, facts=facts, now=await tx.now()
            )
        tx.after_commit(lambda: publish_waiting(app))
    log.warning("emergency_stop.lifted", tenants=[stop.tenant for stop in lifted], by=by.name, reason=reason)
    return lifted


async def _lanes_of(app: App, tx: Transaction, tenant: str) -> str | None:
    """The shared beginning of the lanes of the Entra tenant; None where only jobs know the name."""
    known = app.tenants.get(tenant)
    if known is not None:
        return lanes_of_tenant(known.lane)
    # In an emergency a name that has left the settings must do, as long as jobs of it are there.
    if not await tx.jobs.any_of_tenant(tenant):
        raise UnknownTenant(tenant, tuple(app.tenants))
    return None


def _checked(reason: str, missing: str) -> str:
    text = plain_text(reason).strip()
    if not text:
        raise RequestRejected(missing)
    return text


def _none_to_lift(stops: Sequence[EmergencyStop], tenant: str | None) -> str:
    if not stops:
        return "No emergency stop is in force."
    there = ", ".join(stop.scope for stop in stops)
    return f"No emergency stop of tenant {tenant} alone is in force; in force is that of {there}."
