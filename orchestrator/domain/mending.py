"""Which failures another attempt may mend: those that a retry takes unless more are asked for; pure."""

from __future__ import annotations

from orchestrator.domain.target import TargetStatus

PERMANENT_STATUSES = (400, 404, 405, 410, 501)
"""HTTP statuses by which Graph says something of the device or of the request itself: no such device, gone, or not able
to take the action. The same request is answered so again."""


def may_mend(status: TargetStatus, http_status: int | None) -> bool:
    """Whether another attempt at a target that ended with this may succeed."""
    return status is not TargetStatus.FAILED or http_status not in PERMANENT_STATUSES
