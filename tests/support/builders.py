"""Objects with everything defaulted, for tests that care about one thing of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.domain.action import Action
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.claim import Claim
from orchestrator.domain.device import Device, Via
from orchestrator.domain.ids import BatchKey, JobId, JobNumber, LaneKey, WorkerId
from orchestrator.domain.job import Intake, Job, Tally
from orchestrator.domain.outcome import Accepted, Outcome
from orchestrator.domain.retry import next_step
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import Target
from orchestrator.engine.active_job import ActiveJob
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.recorder import Entry, Kept
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, Transaction
from orchestrator.store.jobs.reception import NewJob
from tests.support.apps import device_ids

LANE = LaneKey("global/contoso/app")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ALICE = WorkerId("worker@alice")
BOB = WorkerId("worker@bob")


async def nothing_to_settle(entry: Entry, kept: Kept) -> None:
    """For a recorder whose writes have no consequences."""


def a_target(line: int = 2, **facts: object) -> Target:
    return Target(line=line, device=Device((device_ids(1, seed=line)[0],)), **facts)  # type: ignore[arg-type] # what it is given is what the test names


def a_claim(
    targets: int | Sequence[Target] = 3,
    *,
    waiting: int = 0,
    job: int = 1,
    batch: int = 0,
    fencing_token: int = 1,
    action: Action = Action.REFRESH_USER_POLICY,
    accepted_before: bool = False,
    rest_due_at: datetime | None = None,
) -> Claim:
    """A claim on so many targets of a batch of which so many more wait for later."""
    given = [a_target(line) for line in range(2, 2 + targets)] if isinstance(targets, int) else targets
    return Claim(
        key=BatchKey(JobNumber(job), batch),
        fencing_token=fencing_token,
        job=JobId(f"job{job}"),
        action=action,
        via=Via.MANAGED_DEVICES,
        targets=tuple(given),
        tally=Tally(waiting=waiting + len(given)),
        accepted_before=accepted_before,
        rest_due_at=rest_due_at,
    )


def a_held_batch(claim: Claim | None = None, now: datetime = NOW) -> LeasedBatch:
    """A batch of which everything that was claimed is on its way."""
    claim = claim or a_claim()
    held = LeasedBatch(claim, ActiveJob(claim.key.job), lambda: now)
    held.draw(held.prefetched)
    return held


async def a_job(
    store: Store,
    targets: int = 3,
    *,
    size: int = 500,
    action: Action = Action.REFRESH_USER_POLICY,
    lane: LaneKey = LANE,
    answered: bool = True,
    published: bool = True,
    now: datetime = NOW,
) -> Job:
    """A stored job of so many targets in batches of `size`; `answered`, as if Graph had answered it before."""
    lines = [(line, device, None) for line, device in enumerate(device_ids(targets), 2)]
    batches = [lines[start : start + size] for start in range(0, targets, size)]
    job_id = JobId("".join(secrets.choice("bcdfghjk") for _ in range(12)))
    async with store.transaction() as tx:
        number = await tx.reception.begin(
            NewJob(
                id=job_id,
                name=None,
                action=action,
                via=Via.MANAGED_DEVICES,
                tenant="default",
                lane=lane,
                priority="normal",
                input_columns=("managedDeviceId",),
                submitted_by="tests",
                submit_reason=None,
                file_name="devices.csv",
            ),
            now=now,
        )
        await tx.reception.add_page(number, 0, (2, targets + 1), b"", now=now)
        await tx.reception.add_batches(number, 0, batches, now=now)
        if published:
            await tx.fair_queue.rejoin(number, lane, now=now)
            await tx.reception.publish(
                number, Intake(targets), total=targets, brake=BrakeOptions(), idempotency=None, now=now
            )
        if answered:
            await tx.fair_queue.mark_answered(number)
        return await tx.jobs.by_number(number)


@dataclass(slots=True)
class StoreWorker:
    """A worker as the store sees it: it holds, intends, applies outcomes and writes, one step at a time."""

    store: Store
    id: WorkerId = ALICE
    lane: LaneKey = LANE
    held: dict[BatchKey, LeasedBatch] = field(default_factory=dict)
    targets: dict[BatchKey, list[Target]] = field(default_factory=dict)

    async def claim(self, want: int = 20, *, now: datetime = NOW) -> Claim | None:
        """Up to so many targets of the job whose turn it is, their intent written down."""
        async with self.store.reading() as tx:
            due = [each.place for each in await tx.fair_queue.due(worker=self.id, now=now) if each.lane == self.lane]
        for place in sorted(due, key=lambda place: (place.virtual_time, place.job)):
            held = await self.hold(place.job, now=now)
            if held is not None:
                return await self._intend(held, held.draw(want))
        return None

    async def hold(self, job: JobNumber, *, now: datetime = NOW) -> LeasedBatch | None:
        """A batch of the job with something in reserve."""
        own = [held for held in self.held.values() if held.claim.key.job == job]
        if reserve := [held for held in own if held.prefetched]:
            return reserve[0]
        more = {held.claim.key: held.in_flight for held in own if held.has_more(now)}
        for key in more:
            self.held[key].begin_extension()
        async with self.store.transaction() as tx:
            claim = await tx.batch_claims.claim(job, worker=self.id, lease=LEASE, now=now, held=more)
        if claim is None:
            return None
        held = self.held.get(claim.key)
        if held is not None and held.claim.fencing_token == claim.fencing_token:
            held.extend(claim)
        else:
            held = self.held[claim.key] = LeasedBatch(claim, ActiveJob(claim.key.job), lambda: now)
            self.targets[claim.key] = []
        return held if held.prefetched else None

    async def _intend(self, held: LeasedBatch, targets: list[Target]) -> Claim:
        key = held.claim.key
        self.targets[key].extend(targets)
        async with self.store.transaction() as tx:
            await tx.fair_queue.serve({key.job: len(targets)})
            await tx.batches.change([held.snapshot()])
        return replace(held.claim, targets=tuple(targets))

    async def answer(
        self,
        key: BatchKey,
        outcome: Outcome | None = None,
        *,
        count: int | None = None,
        policy: RetryPolicy | None = None,
        now: datetime = NOW,
    ) -> set[BatchKey]:
        """Take in the same outcome for some (or all) targets on their way and write that; what was kept."""
        held = self.held[key]
        targets = self.targets[key]
        taken, self.targets[key] = targets[:count], targets[len(targets) if count is None else count :]
        changes = []
        for target in taken:
            step = next_step(
                policy or RetryPolicy(),
                outcome or Accepted("request"),
                used=target.attempts - target.uncharged + 1,
                repeatable=held.claim.action.is_repeatable,
                jitter=0.0,
                doubtful=target.doubtful,
                accepted_before=held.accepted_before,
            )
            changes.append(held.apply(target, step, sent_at=now))
        change = held.snapshot()
        async with self.store.transaction() as tx:
            kept = await tx.batches.change([change])
            if kept:
                await tx.targets.change(changes)
        if (change.released or not kept) and self.held.get(key) is held:
            del self.held[key], self.targets[key]
        return kept


async def tally_of(store: Store, job: Job) -> Tally:
    async with store.reading() as tx:
        return (await tx.jobs.tallies([job.number]))[job.number]


async def recovered(store: Store, now: datetime) -> list[object]:
    """What was handed back at that moment."""
    async with store.transaction() as tx:
        return list(await tx.recovery.hand_back(now=now, limit=50))


async def truth_of(tx: Transaction, job: Job, targets: int) -> Tally:
    """The tally as the rows have it, each target looked at by itself."""
    facts = await tx.targets.page(job.number, job.id, limit=targets + 1)
    counts: dict[str, int] = {}
    for target in facts:
        counts[target.status.value] = counts.get(target.status.value, 0) + 1
    return Tally(**counts)


AFTER_THE_LEASE = NOW + LEASE + timedelta(seconds=1)
