"""Times in which no schedule starts a job: of a schedule, of a tenant, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role, Scope
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.confirmation import Facts, blackout_facts, refuse_outdated
from orchestrator.domain.errors import RequestRejected
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import scope_of_schedules

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BlackoutView:
    """A blackout, and for whom it holds: one schedule, one tenant, or all schedules."""

    blackout: Blackout
    schedule: str | None = None
    tenant: str | None = None


async def add_blackouts(
    app: App, blackouts: Sequence[Blackout], *, schedule: str | None, tenant: str | None, by: Actor
) -> None:
    """Adds the blackouts; without a schedule and a tenant they hold for all schedules."""
    by.grant.refuse_below(Role.OPERATOR)
    if schedule is not None and tenant is not None:
        raise RequestRejected("A blackout is of a schedule or of a tenant. Give one of --schedule and --tenant.")
    if tenant is not None:
        app.tenant(tenant)
    async with app.store.transaction() as tx:
        number = None if schedule is None else (await tx.schedules.by_name(schedule)).number
        await _refuse_change(app, tx, by, schedule=schedule, tenant=tenant)
        await tx.schedules.add_blackouts(blackouts, schedule=number, tenant=tenant)
        facts = {"count": len(blackouts), "schedule": schedule, "tenant": tenant}
        await tx.audit.write(by, "blackout.added", schedule, facts=facts, now=await tx.now())
    log.info("blackouts.added", count=len(blackouts), schedule=schedule, tenant=tenant, by=by.name)


async def list_blackouts(app: App) -> list[BlackoutView]:
    """Returns all blackouts."""
    async with app.store.reading() as tx:
        views = [BlackoutView(each, tenant=tenant) for tenant, each in await tx.schedules.general_blackouts()]
        for schedule in await tx.schedules.all():
            own = await tx.schedules.own_blackouts(schedule.number)
            views += [BlackoutView(each, schedule=schedule.name) for each in own]
    return views


async def remove_blackout(app: App, number: int, *, by: Actor, shown: Facts | None = None) -> None:
    """Removes one blackout.

    RequestRejected where there is none of this number, ConfirmationOutdated where it is not as it was `shown`.
    """
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        await _find(app, tx, number, by, shown)
        await tx.schedules.remove_blackout(number)
        await tx.audit.write(by, "blackout.removed", str(number), now=await tx.now())
    log.info("blackout.removed", number=number, by=by.name)


async def change_blackout(app: App, number: int, wanted: Blackout, *, by: Actor, shown: Facts | None = None) -> None:
    """Gives one blackout other bounds and another reason; the schedules that it holds for stay the same.

    RequestRejected where there is none of this number, ConfirmationOutdated where it is not as it was `shown`.
    """
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        await _find(app, tx, number, by, shown)
        await tx.schedules.change_blackout(number, wanted)
        await tx.audit.write(by, "blackout.changed", str(number), facts={"to": wanted.words}, now=await tx.now())
    log.info("blackout.changed", number=number, by=by.name)


async def _find(app: App, tx: Transaction, number: int, by: Actor, shown: Facts | None) -> None:
    """Locks a blackout that the actor may change and that is as it was shown; else raises what its callers name."""
    schedule, tenant, blackout = await tx.schedules.lock_blackout(number)
    await _refuse_change(app, tx, by, schedule=schedule, tenant=tenant)
    refuse_outdated(shown, {} if blackout is None else blackout_facts(blackout))


async def _refuse_change(app: App, tx: Transaction, by: Actor, *, schedule: str | None, tenant: str | None) -> None:
    """NotPermitted where the blackout would hold up, or let go on, a schedule that is beyond the grant."""
    if not by.grant.is_limited:
        return
    if schedule is not None:
        schedules = [await tx.schedules.by_name(schedule)]
        tenants: frozenset[str] = frozenset()
    else:
        schedules = [each for each in await tx.schedules.all() if tenant is None or each.order.tenant == tenant]
        tenants = frozenset(app.tenants) if tenant is None else frozenset({tenant})
    by.grant.refuse_change(Scope(tenants=tenants) | await scope_of_schedules(tx, schedules))
