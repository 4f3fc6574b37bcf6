"""Refuse to go on with a job whose settings lead to another lane now, or move the job to the present lane."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.errors import PermissionMissing, SignInRefused, TenantChanged
from orchestrator.domain.ids import JobId, LaneKey
from orchestrator.domain.job import Job
from orchestrator.domain.tenant import Permission, may_rebind, tenant_problem
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.explain_waiting import surroundings_of

log = get_logger(__name__)


async def lane_to_move_to(
    app: App, wanted: str, *, by: Actor, rebind: bool, calls_here: bool = False
) -> LaneKey | None:
    """Returns the lane that the job must move to before its devices can be called; None where it stays in its own.

    Changes nothing: `move_to_lane` makes the move, in the transaction that sets the job running.

    TenantChanged where this process's settings lead to another lane than the job's, unless `rebind`: then the token of
    the present lane must have the permission (PermissionMissing, SignInRefused, SignInUnreachable). Managed device ids
    mean nothing in another Entra tenant, so a job never moves to one. `calls_here` says that this process is about to
    call the devices, even where one that was killed a moment ago still counts as at work.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        tally = (await tx.jobs.tallies([job.number]))[job.number]
        around = await surroundings_of(tx, [job.lane])
    tenant = app.tenants.get(job.tenant)
    problem = tenant_problem(job.tenant, job.lane, tenant)
    if problem is None or job.status.is_final:
        return None
    # Where others do the work, their settings count: a command may know the database alone.
    is_alone = isinstance(app.queue, NoQueue) and not around.work_on(job.number)
    is_ours = calls_here or is_alone or app.waits.work_on(job.number)
    if not rebind:
        if is_ours:
            raise TenantChanged(f"{problem} {_way_out(job, rebinds=may_rebind(job.lane, tenant))}")
        return None
    by.grant.refuse_change(scope_of(job.action, job.tenant, tally.total))
    if tenant is None or not may_rebind(job.lane, tenant):
        raise TenantChanged(f"{problem} {_way_out(job, rebinds=False)}")
    await _refuse_unfit_token(app, job)
    return tenant.lane


async def move_to_lane(tx: Transaction, job: Job, lane: LaneKey, *, by: Actor, reason: str | None) -> None:
    """Moves the job's waiting devices to this lane and writes the audit entry, within the caller's transaction."""
    now = await tx.now()
    await tx.jobs.rebind(job.number, lane)
    await tx.fair_queue.rejoin(job.number, lane, now=now)
    await tx.audit.write(by, "job.rebound", job.id, reason=reason, facts={"from": job.lane, "to": lane}, now=now)
    log.info("job.rebound", job=job.id, by=by.name, lane=lane)


def refuse_other_tenant(app: App, job: Job) -> None:
    """TenantChanged where the job's tenant is gone from the settings, or is another Entra tenant now.

    A new job of the same devices may take another app, cloud or address, but the devices are of one Entra tenant.
    """
    tenant = app.tenants.get(job.tenant)
    problem = tenant_problem(job.tenant, job.lane, tenant)
    if problem is not None and not may_rebind(job.lane, tenant):
        raise TenantChanged(f"{problem} Its devices cannot be called through other settings; put the tenant back.")


async def _refuse_unfit_token(app: App, job: Job) -> None:
    view = await (await app.connect(app.tenant(job.tenant))).token_view()
    if view.misfit is not None:
        raise SignInRefused(f"The token of tenant {job.tenant!r} {view.misfit}.")
    if view.permission is Permission.MISSING:
        raise PermissionMissing(
            f"The token of tenant {job.tenant!r} lacks the permission for these actions, so job {job.id} stays where "
            f"it is. `muster tenant check {job.tenant}` shows what the token carries."
        )


def rebind_hint(job: JobId) -> str:
    """The advice for a job that other settings of the same Entra tenant could call."""
    return (
        f"Put the settings back, or let `muster job resume {job} --rebind` move the waiting devices to the tenant's "
        "present lane."
    )


def _way_out(job: Job, *, rebinds: bool) -> str:
    if rebinds:
        return rebind_hint(job.id)
    return f"Put the settings back, or end the job with `muster job cancel {job.id}`."
