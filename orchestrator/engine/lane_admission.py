"""Look at the token before the first call of a lane: what cannot work is not tried on a device."""

from __future__ import annotations

from orchestrator.app import App, Connection
from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.outcome import Bar, GraphError
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.domain.tenant import Permission
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def admit_lane(app: App, connection: Connection, lane: LaneKey, *, only: JobNumber | None) -> bool:
    """Whether calls may begin; where they cannot work, the lane's jobs are stopped and say why."""
    barred = await _bar(connection)
    if barred is None:
        return True
    bar, error = barred
    async with app.store.transaction() as tx:
        now = await tx.now()
        jobs = await tx.fair_queue.active_in(lane, only=only)
        await tx.jobs.lock(jobs)
        for job in jobs:
            await tx.jobs.move(job, JobStatus.STOPPED, if_in=ACTIVE, reason=reason_for(bar, error), now=now)
    log.error("lane.barred", lane=lane, bar=bar, code=error.code)
    return False


async def _bar(connection: Connection) -> tuple[Bar, GraphError] | None:
    try:
        view = await connection.token_view()
    except SignInRefused as refusal:
        return Bar.TOKEN_REFUSED, GraphError("SignInRefused", str(refusal))
    except SignInUnreachable:
        # The authority may be back in a moment; calls find out, and close the lane meanwhile.
        return None
    if view.misfit is not None:
        return Bar.TOKEN_REFUSED, GraphError("WrongToken", f"the token {view.misfit}")
    if view.permission is Permission.MISSING:
        carried = ", ".join(view.permissions) or "none"
        return Bar.PERMISSION_MISSING, GraphError("PermissionMissing", f"the token carries: {carried}")
    return None
