"""Processes at work and the checks of an installation as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.store.work.workers import WorkerSeen
    from orchestrator.usecases.operations.check_health import Check


class WorkerFacts(TypedDict):
    """A process that works on the database."""

    id: str
    kind: Annotated[str, Description("`serve`, `worker`, `clock`, or `run` for one that drives a single job.")]
    version: str
    startedAt: str
    seenAt: Annotated[str, Description("Its last report; a process that is silent for 15 seconds is left out.")]


class CheckFacts(TypedDict):
    """One check of an installation; `mend` says how to repair it."""

    name: str
    ok: bool
    needed: bool
    detail: str
    mend: str | None


def worker_object(worker: WorkerSeen) -> WorkerFacts:
    """Returns a process at work as it is shown."""
    return {
        "id": worker.id,
        "kind": worker.kind,
        "version": worker.version,
        "startedAt": rfc3339(worker.started_at),
        "seenAt": rfc3339(worker.seen_at),
    }


def check_object(check: Check) -> CheckFacts:
    """Returns a check as it is shown."""
    return {
        "name": check.name,
        "ok": check.ok,
        "needed": check.is_needed,
        "detail": check.detail,
        "mend": check.mend,
    }
