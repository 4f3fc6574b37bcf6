"""A new job from the targets of an old one that did not work out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.access import Asker, scope_of
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm
from orchestrator.domain.device import Device
from orchestrator.domain.errors import WrongMoment
from orchestrator.domain.figures import plural
from orchestrator.domain.job import Intake, Job, JobStatus
from orchestrator.domain.target import TargetFacts, TargetStatus
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import unpack
from orchestrator.store.database import Transaction
from orchestrator.store.reception import NewJob
from orchestrator.usecases.app import App
from orchestrator.usecases.cancel_job import cancel_job
from orchestrator.usecases.idempotency import Idempotency, KeyTaken, job_of_key
from orchestrator.usecases.settle_lane import refuse_other_tenant
from orchestrator.usecases.submit_job import Reception, new_job_id, publish_reception, receiving

RETRIABLE = (TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED, TargetStatus.WAITING)


async def retry_job(
    app: App,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus] = (TargetStatus.FAILED,),
    code: str | None = None,
    search: str | None = None,
    by: Asker,
    reason: str | None = None,
    idempotency_key: str | None = None,
    confirm: Confirm | None = None,
) -> Job:
    """A linked job of the targets with these statuses (this error code, this in their id), under their old lines.

    What still waits in a paused or stopped job is cancelled there, so that no device is in two jobs at once.
    WrongMoment where no target fits, or where waiting ones are asked for while the job runs.
    With a key that was used for the same request before, the answer is that job.
    """
    async with app.store.reading() as tx:
        old = await tx.jobs.find(wanted)
        by.grant.refuse_change(scope_of(old.action, old.tenant, 0))
        refuse_other_tenant(app, old)
        devices = await _count(tx, old, statuses, code, search)
        by.grant.refuse_change(scope_of(old.action, old.tenant, devices))
        idempotency = None
        if idempotency_key is not None:
            request = ["retry", old.id, sorted(set(statuses)), code, search, reason]
            idempotency = Idempotency(by, idempotency_key, request)
            done = await job_of_key(tx, idempotency)
            if done is not None:
                return done
    _confirm(confirm, old.action, devices)
    taken, since = set(statuses), None
    if TargetStatus.WAITING in taken and not old.status.is_final:
        if old.status not in {JobStatus.PAUSED, JobStatus.STOPPED}:
            raise WrongMoment(f"Job {old.id} is {old.status}: what waits in it will be called. Pause it first.")
        async with app.store.reading() as tx:
            tally = (await tx.jobs.tallies([old.number]))[old.number]
        if tally.sending:
            raise WrongMoment(f"Job {old.id} still has calls on their way. Ask again in a moment.")
        if not devices:
            raise _nothing(old, taken)
        if code is not None or search:
            await _refuse_to_cancel_others(app, old, code, search, waiting=tally.waiting)
        cancelled = await cancel_job(app, old.id, by=by, reason="its waiting targets go on in a retry")
        # Among them those that turned uncertain just now: they waited for another attempt.
        since = cancelled.job.finished_at
        taken.add(TargetStatus.CANCELLED)
    new = NewJob(
        id=new_job_id(app),
        name=old.name,
        action=old.action,
        via=old.via,
        tenant=app.tenant(old.tenant).name,
        lane=app.tenant(old.tenant).lane,
        priority=old.priority,
        input_columns=old.input_columns,
        submitted_by=by.name,
        submitter=by.caller,
        submit_reason=reason,
        file_name=old.intake.file_name,
        retry_of=old.id,
    )
    try:
        async with receiving(app, new) as reception:
            rows = await _receive(app, reception, old, _Wanted(frozenset(taken), code, search, since))
            by.grant.refuse_devices(rows)
            if since is None:
                # Of a job that still runs more may have failed since they were counted.
                _confirm(confirm, old.action, rows)
            async with app.store.reading() as tx:
                brake = await tx.brakes.options(old.number)
            intake = Intake(rows, file_name=old.intake.file_name)
            return await publish_reception(app, reception, intake, by=by, idempotency=idempotency, brake=brake)
    except KeyTaken:
        # The same request came twice at once, and the other was faster.
        return await retry_job(
            app,
            wanted,
            statuses=statuses,
            code=code,
            search=search,
            by=by,
            reason=reason,
            idempotency_key=idempotency_key,
            confirm=confirm,
        )


def _confirm(confirm: Confirm | None, action: Action, devices: int) -> None:
    if confirm is not None:
        confirm(action, devices)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which targets go into the retry; `since` takes in what turned uncertain from then on as well."""

    statuses: frozenset[TargetStatus]
    code: str | None
    search: str | None
    since: datetime | None

    def includes(self, target: TargetFacts) -> bool:
        if self.code is not None and (target.error_code or "").casefold() != self.code.casefold():
            return False
        if self.search is not None and self.search.lower() not in target.device.lower():
            return False
        if target.status in self.statuses:
            return True
        just_now = self.since is not None and target.finished_at is not None and target.finished_at >= self.since
        return just_now and target.status is TargetStatus.UNCERTAIN


async def _receive(app: App, reception: Reception, old: Job, wanted_targets: _Wanted) -> int:
    count, number = 0, -1
    while True:
        async with app.store.reading() as tx:
            page = await tx.inputs.page_after(old.number, number)
            if page is None:
                break
            facts = await tx.targets.between(old.number, old.id, page.first_line, page.last_line)
        number = page.page
        wanted = {target.line: Device.from_key(target.device) for target in facts if wanted_targets.includes(target)}
        if wanted:
            stored = await asyncio.to_thread(unpack, page.payload)
            rows = [InputRow(row.line, row.cells, device=wanted[row.line]) for row in stored if row.line in wanted]
            await reception.add(rows)
            count += len(rows)
    if not count:
        raise _nothing(old, wanted_targets.statuses)
    await reception.add([], is_last=True)
    return count


async def _count(
    tx: Transaction, old: Job, statuses: Sequence[TargetStatus], code: str | None, search: str | None
) -> int:
    """How many targets fit before anything is changed."""
    if code is not None or search:
        return await tx.targets.count_fitting(old.number, statuses=statuses, code=code, search=search)
    tally = (await tx.jobs.tallies([old.number]))[old.number]
    return sum(getattr(tally, status.value) for status in set(statuses))


async def _refuse_to_cancel_others(app: App, old: Job, code: str | None, search: str | None, *, waiting: int) -> None:
    async with app.store.reading() as tx:
        fit = await tx.targets.count_fitting(old.number, statuses=[TargetStatus.WAITING], code=code, search=search)
    if fit < waiting:
        raise WrongMoment(
            f"In job {old.id} {plural(waiting, 'device')} wait and {fit:,} of them fit, but a retry of what waits "
            "takes them all. Resume the job, or ask for those that have ended."
        )


def _nothing(old: Job, taken: Collection[TargetStatus]) -> WrongMoment:
    return WrongMoment(f"Job {old.id} has no {' or '.join(sorted(taken))} target to retry.")
