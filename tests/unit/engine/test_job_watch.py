"""What a process sees of the jobs that it works on, and how late it may see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.outcome import Bar, GraphError
from orchestrator.domain.retry import Halt
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.job_watch import refresh_jobs
from orchestrator.engine.leases import Leases
from orchestrator.engine.recorder import Entry
from tests.support.builders import a_claim
from tests.support.clock import ManualClock, settle


async def test_an_answer_from_before_a_halt_was_written_does_not_let_the_job_go_on(clock: ManualClock) -> None:
    is_answered = asyncio.Event()

    async def statuses(numbers: Sequence[JobNumber]) -> dict[JobNumber, JobStatus]:
        await is_answered.wait()
        return dict.fromkeys(numbers, JobStatus.RUNNING)

    async def nothing(_: Sequence[JobNumber]) -> dict[JobNumber, bool]:
        return {}

    @asynccontextmanager
    async def reading() -> AsyncIterator[object]:
        yield SimpleNamespace(
            jobs=SimpleNamespace(statuses=statuses),
            fair_queue=SimpleNamespace(stopped_among=nothing),
            brakes=SimpleNamespace(out_for=nothing),
        )

    app = cast("App", SimpleNamespace(clock=clock, store=SimpleNamespace(reading=reading)))
    jobs = ActiveJobs()
    leases = Leases(app, jobs, BatchMessages(clock.monotonic, lambda: None))
    held = leases.add(a_claim(), asked_at=clock.monotonic())
    looking = asyncio.create_task(refresh_jobs(app, jobs))
    await settle()

    held.job.is_halted = True
    halts = {held.job.number: Halt(Bar.TOKEN_REFUSED, GraphError("InvalidAuthenticationToken", "no", 401))}
    leases.settle(Entry((held.snapshot(),), (), halts=halts), {held.claim.key})
    is_answered.set()
    await looking

    assert not leases.allows(held)
