"""Submit a new job from the targets of an old job that failed, or that were not called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.confirmation import Confirm, Facts, refuse_outdated
from orchestrator.domain.device import Device
from orchestrator.domain.error_groups import ErrorGroup
from orchestrator.domain.errors import WrongStatus
from orchestrator.domain.figures import plural
from orchestrator.domain.job import RESTING, Intake, Job, JobStatus, Tally
from orchestrator.domain.target import TargetFacts, TargetFilter, TargetStatus, may_mend
from orchestrator.intake.pages import unpack
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.cancel_job import cancel_rest
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.device_names import with_inventory
from orchestrator.usecases.jobs.idempotency import Idempotency, KeyTaken, job_of_key
from orchestrator.usecases.jobs.job_lane import refuse_other_tenant
from orchestrator.usecases.jobs.receive_job import JobReception, new_job, publish_reception, receiving


@dataclass(frozen=True, slots=True)
class RetryWish:
    """Which targets go into a retry.

    Without `statuses` and without a `code` these are the failures that another attempt may mend; `permanent` says
    whether the others are taken too, and is derived where it is None. `search` is looked for in a device's id and name;
    `known_as` are the devices whose name or user in the inventory has it. `lines` are the only lines that are taken,
    where there are any.
    """

    statuses: frozenset[TargetStatus] = frozenset()
    code: str | None = None
    search: str | None = None
    permanent: bool | None = None
    known_as: frozenset[str] = frozenset()
    lines: frozenset[int] = frozenset()

    @property
    def wanted(self) -> frozenset[TargetStatus]:
        """The statuses that are taken."""
        return self.statuses or frozenset({TargetStatus.FAILED})

    @property
    def is_narrowed(self) -> bool:
        """Whether a code, a text or lines narrow the wish."""
        return self.code is not None or bool(self.search or self.lines)

    @property
    def takes_permanent(self) -> bool:
        """Whether failures that no further attempt mends are taken."""
        return bool(self.statuses or self.code is not None) if self.permanent is None else self.permanent

    @property
    def filter(self) -> TargetFilter:
        """The targets that are meant, those among them that no further attempt mends."""
        return TargetFilter(tuple(sorted(self.wanted)), self.code, self.search, self.lines)

    def includes(self, target: TargetFacts) -> bool:
        """Whether this target goes into the retry."""
        if self.lines and target.line not in self.lines:
            return False
        if self.code is not None and (target.error_code or "").casefold() != self.code.casefold():
            return False
        if self.search and not self._finds(target):
            return False
        if target.status not in self.wanted:
            return False
        return self.takes_permanent or may_mend(target.status, target.http_status)

    def _finds(self, target: TargetFacts) -> bool:
        text = (self.search or "").lower()
        is_in_list = text in target.device.lower() or text in (target.name or "").lower()
        return is_in_list or target.device in self.known_as


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """How many devices a retry would call, and how many it leaves out because no further attempt mends them."""

    job: Job
    devices: int
    left_out: int

    @property
    def facts(self) -> Facts:
        """Returns the facts of the retry that a confirmation is bound to."""
        return {"devices": self.devices}


async def preview_retry(app: App, wanted: str, wish: RetryWish) -> RetryPreview:
    """Returns the devices that a retry would take now; changes nothing."""
    async with app.store.reading() as tx:
        old = await tx.jobs.find(wanted)
        return await _counted(tx, old, wish)


def preview_retry_by_counts(view: JobView, status: TargetStatus) -> RetryPreview:
    """Returns the devices of this status that a retry would take, by the counts of a job that was read before."""
    errors = {ErrorGroup(each.status, each.http_status, each.code): each.count for each in view.errors}
    return _by_counts(view.job, view.tally, errors, RetryWish(frozenset({status})))


async def retry_job(
    app: App,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus] = (),
    code: str | None = None,
    search: str | None = None,
    permanent: bool | None = None,
    lines: Collection[int] = (),
    by: Actor,
    reason: str | None = None,
    idempotency_key: str | None = None,
    confirm: Confirm | None = None,
    shown: Facts | None = None,
) -> Job:
    """A linked job of the targets with these statuses (this error code, this text, these lines), under their old lines.

    Which ones that are without statuses and code, and what `permanent` does: RetryWish. What still waits in a paused or
    stopped job ends there in the commit that publishes the new job: no device is in two jobs, and none in neither.
    WrongStatus where no target fits, or where waiting ones are asked for while the job runs; ConfirmationOutdated where
    the number of devices is not as it was `shown`. With a key that was used for the same request before, the answer is
    that job.
    """
    wish = RetryWish(frozenset(statuses), code, search, permanent, lines=frozenset(lines))
    async with app.store.reading() as tx:
        asked = await _asked(app, tx, wanted, wish, by=by, reason=reason, idempotency_key=idempotency_key)
        if (done := await job_of_key(tx, asked.idempotency)) is not None:
            return done
        if asked.ends is not None:
            await _refuse_to_end(tx, asked.old, asked.ends, asked.wish)
    if not asked.counted.devices:
        raise _nothing(asked.counted, wish)
    refuse_outdated(shown, asked.counted.facts)
    if confirm is not None:
        confirm(asked.old.action, asked.counted.devices)
    try:
        made = await _made(app, asked, is_shown=shown is not None, confirm=confirm)
    except KeyTaken:
        # Two equal requests ran at once, and the other one stored its job first.
        async with app.store.reading() as tx:
            done = await job_of_key(tx, asked.idempotency)
        if done is None:
            raise
        return done
    if asked.ends is not None:
        await cancel_rest(app, asked.old.number)
    return made


@dataclass(frozen=True, slots=True)
class _Asked:
    """A retry as it is asked for, and what it would take now; `ends` is the tally of the old job that it ends."""

    old: Job
    wish: RetryWish
    by: Actor
    reason: str | None
    idempotency: Idempotency | None
    counted: RetryPreview
    ends: Tally | None


async def _asked(
    app: App,
    tx: Transaction,
    wanted: str,
    wish: RetryWish,
    *,
    by: Actor,
    reason: str | None,
    idempotency_key: str | None,
) -> _Asked:
    """Returns the retry where the actor may ask for it; NotPermitted where not."""
    old = await tx.jobs.find(wanted)
    if wish.search:
        wish = replace(wish, known_as=await tx.targets.known_as(old.number, await with_inventory(tx, old, wish.filter)))
    by.grant.refuse_change(scope_of(old.action, old.tenant, 0))
    refuse_other_tenant(app, old)
    counted = await _counted(tx, old, wish)
    by.grant.refuse_change(scope_of(old.action, old.tenant, counted.devices))
    idempotency = None
    if idempotency_key is not None:
        idempotency = Idempotency(by, idempotency_key, ["retry", old.id, *_request(wish), reason])
    ends_old = TargetStatus.WAITING in wish.wanted and not old.status.is_final
    ends = (await tx.jobs.tallies([old.number]))[old.number] if ends_old else None
    return _Asked(old, wish, by, reason, idempotency, counted, ends)


async def _made(app: App, asked: _Asked, *, is_shown: bool, confirm: Confirm | None) -> Job:
    old, by, counted = asked.old, asked.by, asked.counted.devices
    columns, file_name = old.input_columns, old.intake.file_name
    new = new_job(app, old, columns, by=by, reason=asked.reason, file_name=file_name, retry_of=old.id)
    async with receiving(app, new) as reception:
        rows = await _receive(app, reception, old, asked.wish)
        by.grant.refuse_devices(rows)
        if is_shown and rows != counted:
            raise WrongStatus(f"Of job {old.id} {counted:,} devices fitted and by now it is {rows:,}. Ask again.")
        if confirm is not None and asked.ends is None:
            # Of a job that still runs more may have failed since they were counted.
            confirm(old.action, rows)
        async with app.store.reading() as tx:
            brake = await tx.brakes.options(old.number)
        return await publish_reception(
            app,
            reception,
            Intake(rows, file_name=old.intake.file_name),
            by=by,
            idempotency=asked.idempotency,
            brake=brake,
            together_with=None if asked.ends is None else _ending(old, asked.ends, by),
        )


async def _receive(app: App, reception: JobReception, old: Job, wish: RetryWish) -> int:
    count, number = 0, -1
    while True:
        async with app.store.reading() as tx:
            page = await tx.inputs.page_after(old.number, number)
            if page is None:
                break
            facts = await tx.targets.between(old.number, old.id, page.first_line, page.last_line)
        number = page.page
        wanted = {target.line: Device.from_key(target.device) for target in facts if wish.includes(target)}
        if wanted:
            stored = await asyncio.to_thread(unpack, page.payload)
            rows = [row._replace(device=wanted[row.line]) for row in stored if row.line in wanted]
            await reception.add(rows)
            count += len(rows)
    if not count:
        raise WrongStatus(f"What was to be retried of job {old.id} has changed meanwhile. Ask again.")
    await reception.add([], is_last=True)
    return count


def _ending(old: Job, before: Tally, by: Actor) -> Callable[[Transaction, Job], Awaitable[None]]:
    """Cancels the old job in the commit that publishes the new one, where the old one is unchanged since."""

    async def end(tx: Transaction, new: Job) -> None:
        now = await tx.now()
        reason = f"its waiting targets go on in job {new.id}"
        # First, since it locks the row: what is looked at afterwards stays so until the commit.
        is_at_rest = await tx.jobs.move(old.number, JobStatus.CANCELLED, if_in=RESTING, reason=reason, now=now)
        tally = (await tx.jobs.tallies([old.number]))[old.number]
        if not is_at_rest or tally != before or await tx.jobs.is_held(old.number):
            raise WrongStatus(f"Job {old.id} has moved meanwhile, so nothing was changed. Ask again in a moment.")
        await tx.audit.write(by, "job.cancelled", old.id, reason=reason, now=now)

    return end


async def _counted(tx: Transaction, old: Job, wish: RetryWish) -> RetryPreview:
    """How many targets fit before anything is changed."""
    if not wish.is_narrowed:
        tally = (await tx.jobs.tallies([old.number]))[old.number]
        errors = await tx.jobs.errors(old.number)
        return _by_counts(old, tally, {group: count.count for group, count in errors.items()}, wish)
    wanted = await with_inventory(tx, old, wish.filter)
    fits = await tx.targets.count_fitting(old.number, wanted)
    left_out = 0 if wish.takes_permanent else await tx.targets.count_fitting(old.number, wanted, permanent=True)
    return RetryPreview(old, fits - left_out, left_out)


def _by_counts(old: Job, tally: Tally, errors: Mapping[ErrorGroup, int], wish: RetryWish) -> RetryPreview:
    """Returns the preview where no code, no text and no lines narrow the wish: the counts of the job suffice."""
    fits = sum(getattr(tally, status.value) for status in wish.wanted)
    bad = ((group, count) for group, count in errors.items() if group.status in wish.wanted)
    permanent = sum(count for group, count in bad if not may_mend(group.status, group.http_status))
    left_out = 0 if wish.takes_permanent else permanent
    return RetryPreview(old, fits - left_out, left_out)


async def _refuse_to_end(tx: Transaction, old: Job, tally: Tally, wish: RetryWish) -> None:
    """WrongStatus where the old job cannot be ended now, or where that would end more than what is asked for."""
    if old.status not in RESTING:
        raise WrongStatus(f"Job {old.id} is {old.status}: what waits in it will be called. Pause it first.")
    if tally.sending or await tx.jobs.is_held(old.number):
        raise WrongStatus(f"Job {old.id} still has calls on their way. Ask again in a moment.")
    if not wish.is_narrowed:
        return
    waiting = replace(wish.filter, statuses=(TargetStatus.WAITING,))
    fit = await tx.targets.count_fitting(old.number, await with_inventory(tx, old, waiting))
    if 0 < fit < tally.waiting:
        raise WrongStatus(
            f"In job {old.id} {plural(tally.waiting, 'device')} wait and {fit:,} of them fit, but a retry of what "
            "waits takes them all. Resume the job, or ask for those that have ended."
        )


def _nothing(counted: RetryPreview, wish: RetryWish) -> WrongStatus:
    old = counted.job
    if counted.left_out:
        return WrongStatus(
            f"Job {old.id} has no target that another attempt may mend: {plural(counted.left_out, 'device')} failed "
            f"for good (gone, or not able to take the action). `muster job retry {old.id} --status failed` calls them "
            "all the same."
        )
    return WrongStatus(f"Job {old.id} has no {' or '.join(sorted(wish.wanted))} target to retry.")


def _request(wish: RetryWish) -> list[object]:
    """Returns the values that distinguish two requests under one idempotency key."""
    said: list[object] = [sorted(wish.wanted), wish.code, wish.search, *sorted(wish.lines)]
    return said if wish.takes_permanent else [*said, "what another attempt may mend"]
