"""Work: claim what is due in every lane and call it, as long as there is any or until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from orchestrator.app import App
from orchestrator.domain.batch import BATCH_SIZE, Claim
from orchestrator.domain.errors import CannotContinue, MusterError, TryLater
from orchestrator.domain.fair_queue import FairQueue, QueuePlace
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.job import Job, shown_status
from orchestrator.domain.target import Target
from orchestrator.engine.batch_messages import BatchMessages, Due
from orchestrator.engine.caution import Caution
from orchestrator.engine.circuit_breaker import CircuitBreaker
from orchestrator.engine.claim_coalescer import ClaimCoalescer
from orchestrator.engine.lane_admission import admit_lane
from orchestrator.engine.lane_loop import LaneLoop
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.leases import Leases
from orchestrator.engine.outages import Outages
from orchestrator.engine.ports import Lane, Ports
from orchestrator.engine.publish_waiting import publish_waiting
from orchestrator.engine.record_outcomes import JobNews, record_outcomes, write_job_news
from orchestrator.engine.recorder import Entry, Recorder, Written
from orchestrator.engine.recovery import LEASE, recover_stalled
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.wait_reporter import WaitReporter
from orchestrator.inventory.device_history import extend_lookup
from orchestrator.store.jobs.jobs import DueJob
from orchestrator.store.work.many_claims import MOST_AT_ONCE, NOTHING, Lines
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

PATIENCE = 10.0
"""Seconds that answers on their way are waited for when work stops."""

_LOOK = 1.0
_REST_LOOK = 0.2
_DEAD_AFTER = 60.0
_BEAT = 2.5
_SWEEP = 2.0
_WATCH = 0.25

_LOW = 100
"""Targets in reserve below which more is asked for: with a limit of 200 in 20 s ten seconds' worth."""

_LEAD = BATCH_SIZE
_LEAD_UNPACED = 16 * BATCH_SIZE
"""Calls that a job may be given before all workers see it: where nothing paces them, several draw whole batches."""

_PREPARING = 64
"""Lanes that prepare calls at once: enough for writes that pay, and few enough for their permits to live until then."""

_AT_ONCE = 64
_AT_ONCE_PACED = 400
"""Calls in flight where a limit paces them: slow answers must not let permits run out (200/20s, 30 s each: 300)."""


async def drive(app: App, stop: StopSignal, *, only: Job | None = None, until_idle: bool) -> None:
    """Claim and run work until told to stop; with `until_idle` also until the job `only` is at rest."""
    async with open_driver(app, stop, only=only) as driver:
        if not until_idle or only is None:
            await stop.wait()
            return
        while not stop.is_requested and not await _is_at_rest(app, only.number):
            driver.wake()
            await stop.wait(_REST_LOOK)


class Driver:
    """The lanes of one process; wake it when something may be due."""

    def __init__(
        self,
        app: App,
        stop: StopSignal,
        only: JobNumber | None,
        patience: float | None = None,
        serves: Callable[[DueJob], bool] | None = None,
    ) -> None:
        self._app = app
        self._stop = stop
        self._only = only
        self._serves = serves
        self._woken = asyncio.Event()
        self.messages = BatchMessages(app.clock.monotonic, self.wake)
        self._leases = Leases(app, self.messages)
        self._outages = Outages()
        self._caution = Caution()
        self._breaker = CircuitBreaker(
            app, self._outages, self._caution, forbid=self._leases.forbid, rest=self._leases.rest
        )
        self._recorder = Recorder(self._write, app.clock)
        self._runs: dict[LaneKey, LaneLoop] = {}
        self._running: dict[LaneKey, asyncio.Task[None]] = {}
        self._claims = ClaimCoalescer(self._claim_of, MOST_AT_ONCE)
        self._preparing = asyncio.Semaphore(_PREPARING)
        self._extensions = ClaimCoalescer(self._claim_more, MOST_AT_ONCE)
        self._ahead: set[JobNumber] = set()
        self._queues: dict[LaneKey, FairQueue] = {}
        self._closed: dict[LaneKey, float] = {}
        self._known: dict[JobNumber, DueJob] = {}
        self._job_news = JobNews()
        self._loops: list[asyncio.Task[None]] = []
        self._reporter = WaitReporter(app, self._recorder, self._runs)
        self._looked_at = app.clock.monotonic()
        self._patience = PATIENCE if patience is None else patience
        self.look_count = 0

    def wake(self) -> None:
        """Something may be due: look now."""
        self._woken.set()

    @property
    def is_alive(self) -> bool:
        """Whether it looked for work lately; a process that does not is no use, whatever its port says."""
        return self._app.clock.monotonic() - self._looked_at < _DEAD_AFTER

    def start(self) -> None:
        """Begin to look, to beat and to sweep."""
        self._app.waits.begin_work(self._only)
        self._loops = [
            asyncio.create_task(self._recorder.run(), name="recorder"),
            *(
                asyncio.create_task(self._repeatedly(every, work), name=name)
                for name, every, work in (
                    ("beat", _BEAT, self._beat),
                    ("sweep", _SWEEP, self._sweep),
                    ("fence", _WATCH, self._look_at_jobs),
                    ("closures", _WATCH, self._look_at_lanes),
                    ("waits", _WATCH, self._reporter.report),
                )
            ),
            asyncio.create_task(self._looking(), name="looking"),
        ]

    async def close(self) -> None:
        """No new call; the answers on their way are waited for, everything is written, and what is held is let go."""
        self._app.waits.end_work()
        self._stop.request()
        self._woken.set()
        until = self._app.clock.monotonic() + self._patience
        # A lane that waits for a database that is away waits for nothing now.
        running = [*self._running.values()]
        if running:
            await asyncio.wait(running, timeout=self._patience)
        for lane in running:
            lane.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.gather(*(coalescer.close(self._patience / 5) for coalescer in (self._claims, self._extensions)))
        patience = max(0.0, until - self._app.clock.monotonic())
        await asyncio.gather(*(run.drain(patience) for run in self._runs.values()))
        self._release(self._leases.all())
        recorder = self._loops[0]
        self._recorder.close()
        # The database may be away for good; what is not written by then is handed back by whoever recovers.
        await asyncio.wait([recorder], timeout=max(self._patience / 5, until - self._app.clock.monotonic()))
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        try:
            async with asyncio.timeout(self._patience / 5), self._app.store.transaction() as tx:
                await tx.workers.leave(self._app.worker)
                await tx.lane_waits.report(self._app.worker, {}, now=await tx.now())
        except (TryLater, TimeoutError):
            log.warning("worker.left_silently")

    async def _looking(self) -> None:
        while not self._stop.is_requested:
            self._woken.clear()
            self.look_count += 1
            began = self._app.clock.monotonic()
            try:
                await self._look()
                self._looked_at = self._app.clock.monotonic()
            except TryLater as problem:
                log.warning("driver.waiting", reason=str(problem))
            except Exception:
                # Whoever stops looking stops working, and nobody would notice for a minute.
                log.exception("driver.broke")
            took = self._app.clock.monotonic() - began
            try:
                async with asyncio.timeout(_LOOK):
                    await self._woken.wait()
            except TimeoutError:
                continue
            # Messages come in swarms; one look answers all that arrived meanwhile. Where a look takes long (a thousand
            # jobs), most of the time is for what it found.
            await self._app.clock.sleep(min(max(0.02, 3 * took), _LOOK))

    async def _look(self) -> None:
        asked_at = self._app.clock.monotonic()
        async with self._app.store.reading() as tx:
            due = await tx.jobs.due(worker=self._app.worker, now=await tx.now(), only=self._only)
        if self._serves is not None:
            due = [each for each in due if self._serves(each)]
        self.messages.note_due(asked_at, (Due(each.id, each.place.job, each.lane) for each in due))
        # What is in reserve here is for nobody else to find, and still to be called.
        found = {each.place.job: each for each in due if self._may_go_on(each)}
        with_prefetched = {job: each for job, each in self._known.items() if self._leases.has_prefetched(job)}
        self._known = {job: each for job, each in self._known.items() if self._leases.of_job(job)} | found
        self._ahead &= self._known.keys()
        queue: dict[LaneKey, list[QueuePlace]] = {lane: [] for lane in self._queues}
        tenants: dict[LaneKey, str] = {}
        for each in (with_prefetched | found).values():
            queue.setdefault(each.lane, []).append(each.place)
            tenants[each.lane] = each.tenant
        for lane, those in queue.items():
            if lane not in self._queues:
                self._queues[lane] = FairQueue(_LEAD if self._is_paced(tenants[lane]) else _LEAD_UNPACED)
            self._queues[lane].replace(those)
        for lane, tenant in tenants.items():
            if lane not in self._running and not self._stop.is_requested:
                task = asyncio.create_task(self._run_lane(lane, tenant), name=f"lane {lane}")
                self._running[lane] = task
                task.add_done_callback(partial(self._lane_ended, lane))

    def _is_paced(self, tenant_name: str) -> bool:
        tenant = self._app.tenants.get(tenant_name)
        return tenant is None or tenant.write_limit is not None

    def _may_go_on(self, due: DueJob) -> bool:
        # What is held of a job that must prove itself is all there is for now; but it may be back in reserve.
        job = due.place.job
        return not due.proves_itself or not self._leases.of_job(job) or self._leases.has_prefetched(job)

    async def _run_lane(self, key: LaneKey, tenant_name: str) -> None:
        if key not in self._runs:
            tenant = self._app.tenants.get(tenant_name)
            if tenant is None or tenant.lane != key:
                log.warning("lane.unknown", lane=key, tenant=tenant_name)
                self._reporter.report_unknown_lane(key, tenant_name)
                await self._app.clock.sleep(_LOOK * 5)
                return
            with self._reporter.opening(key):
                caller = await self._app.connect(tenant)
                if not await admit_lane(self._app, caller, key, only=self._only):
                    return
            at_once = _AT_ONCE if tenant.write_limit is None else _AT_ONCE_PACED
            lane = Lane(key, tenant.write_limit, caller, self._app.batching, at_once)
            self._runs[key] = LaneLoop(lane, self._ports(), self._stop)
        await self._runs[key].run()
        # Nothing could be claimed: either nothing is due, or the first answers of a job are awaited.
        await self._app.clock.sleep(0.05)

    def _lane_ended(self, key: LaneKey, task: asyncio.Task[None]) -> None:
        del self._running[key]
        if task.cancelled():
            return
        problem = task.exception()
        if isinstance(problem, MusterError):
            self._reporter.report_problem(key, problem)
            log.warning("lane.waiting", lane=key, reason=str(problem))
        elif problem is not None:
            log.error("lane.broke", lane=key, exc_info=problem)
        else:
            self._woken.set()

    def _ports(self) -> Ports:
        app = self._app
        return Ports(
            ready=self._ready,
            draw=self._draw,
            throttle=app.throttle,
            recorder=self._recorder,
            gate=self._leases,
            policy=app.policy,
            clock=app.clock,
            chance=app.chance,
            utc=self._leases.now,
            preparing=self._preparing,
            lanes=lambda: len(self._running),
            outages=self._outages,
            caution=self._caution,
        )

    async def _ready(self, lane: LaneKey) -> bool:
        """Hold something of the job whose turn it is; False where nothing of any can be held."""
        queue = self._queues[lane]
        while (job := queue.first()) is not None:
            if self._leases.prefetched(job) is not None:
                return True
            # What may not leave at this moment is no reason to hold more.
            if not self._leases.has_prefetched(job) and await self._claim(job):
                return True
            # What was asked for ahead may have come meanwhile.
            if self._leases.prefetched(job) is not None:
                return True
            queue.drop(job)
        return False

    def _draw(self, lane: LaneKey, most: int) -> tuple[LeasedBatch, list[Target]] | None:
        """Up to so many targets of the job whose turn it is."""
        queue = self._queues[lane]
        while (job := queue.first()) is not None and (held := self._leases.prefetched(job)) is not None:
            under_way = sum(len(each.in_flight) for each in self._leases.of_job(job))
            if room := self._caution.room(job, under_way, most):
                targets = held.take(room)
                queue.charge(job, len(targets))
                self._hold_ahead(job)
                return held, targets
            # Until the brake has looked at it, the others of the lane are called.
            queue.drop(job)
        return None

    def _hold_ahead(self, job: JobNumber) -> None:
        """Ask for more before the reserve is empty: a thousand jobs that began together come to its end together."""
        prefetched = sum(held.prefetched for held in self._leases.of_job(job))
        if prefetched < _LOW and job not in self._ahead and self._recorder.knows_answered(job):
            # Once, until something was found: near its end there is no more of a job.
            self._ahead.add(job)
            self._coalescer_for(job).ask(job)

    async def _claim(self, job: JobNumber) -> bool:
        """Take a batch of the job, or more of one, into reserve; whether there was any."""
        claim = await self._coalescer_for(job).claim(job)
        return claim is not None and bool(claim.targets)

    def _coalescer_for(self, job: JobNumber) -> ClaimCoalescer:
        # What is held is finished first: few batches are open at a time.
        return self._extensions if self._with_more(job) else self._claims

    def _with_more(self, job: JobNumber) -> list[LeasedBatch]:
        return [each for each in self._leases.of_job(job) if each.has_more(self._leases.now())]

    async def _claim_more(self, jobs: Collection[JobNumber]) -> dict[JobNumber, Claim]:
        """More of what is held of each of these jobs."""
        # No intent is written meanwhile, in any lane.
        async with self._recorder.quiet():
            # What we know of their targets must be what the database knows, until it has answered.
            await self._recorder.flush_in_quiet({each.claim.key for job in jobs for each in self._leases.of_job(job)})
            batches = [each for job in jobs for each in self._with_more(job)]
            # Before anything is waited for: what lands meanwhile was on its way, and is not to be taken again.
            held = {each.claim.key: each.lines for each in batches}
            for each in batches:
                each.begin_extension()
            return await self._claim_of(jobs, held)

    async def _claim_of(self, jobs: Collection[JobNumber], held: Lines = NOTHING) -> dict[JobNumber, Claim]:
        """A batch of each of these jobs, of `held` or free; noted here, since whoever asked may be gone."""
        asked_at = self._app.clock.monotonic()
        wanted = self.messages.wanted(jobs)
        async with self._app.store.transaction() as tx:
            now = await tx.now()
            self._leases.set_time(now)
            worker = self._app.worker
            if len(jobs) > 1:
                claims = await tx.batches.claim_many(
                    jobs, worker=worker, lease=LEASE, now=now, held=held, wanted=wanted
                )
            else:
                (job,) = jobs
                first = wanted[0].batch if wanted else None
                claim = await tx.batches.claim(job, worker=worker, lease=LEASE, now=now, held=held, wanted=first)
                claims = {} if claim is None else {job: claim}
        for claim in claims.values():
            self._apply_claim(claim, asked_at)
        return claims

    def _apply_claim(self, claim: Claim, asked_at: float) -> None:
        self._outages.apply_claim(claim.key.job, is_probe=claim.is_probe, now=self._app.clock.monotonic())
        if not claim.answered_before:
            self._recorder.forget_answered(claim.key.job)
        if claim.targets:
            self._ahead.discard(claim.key.job)
        self._leases.add(claim, asked_at=asked_at)

    async def _write(self, entry: Entry) -> Written:
        # News of what this entry holds: what it gives back to a target must not be overwritten by the target's outcome.
        news, unjudged = self._outages.take_news(), self._caution.unjudged()
        try:
            recorded = await record_outcomes(self._app, entry)
        except BaseException as problem:
            self._outages.put_back(news)
            if not isinstance(problem, TryLater):
                # Perhaps nothing of it is ever written, and nobody would judge it.
                self._caution.mark_judged(unjudged)
            raise
        self._leases.note_written(entry, recorded.written.kept)
        for lane, backend in recorded.backends.items():
            self._app.throttle.use_backend(lane, backend)
        self._job_news += JobNews.of(entry)
        try:
            await self._write_job_news()
            await self._breaker.look(entry, news)
        except Exception:
            # The entry is committed: an error that went on from here would make the recorder write it again.
            log.exception("driver.after_write_broke", jobs=len({change.key.job for change in entry.batches}))
        self._caution.mark_judged(unjudged)
        self._release_forbidden()
        if unjudged or entry.answered or any(batch.released for batch in entry.batches):
            self._woken.set()
        return recorded.written

    async def _write_job_news(self) -> None:
        """Write what the outcomes mean for whole jobs; what cannot be written now goes with the next write."""
        # Dropped by an error that is not an outage: recovery settles these jobs, and their turns are off by some calls.
        news, self._job_news = self._job_news, JobNews()
        if not news:
            return
        starts = {job: self._queues[self._known[job].lane].start(job) for job in news.served if job in self._known}
        try:
            queue = await write_job_news(self._app, news, starts)
        except TryLater as problem:
            self._job_news += news
            log.warning("jobs.waiting", reason=str(problem), jobs=len(news.served.keys() | news.exhausted))
            return
        for place in queue:
            if place.job in self._known:
                known = self._known[place.job] = replace(self._known[place.job], place=place)
                self._queues[known.lane].correct(place)

    async def _look_at_jobs(self) -> None:
        await self._leases.look()
        seen: dict[JobNumber, bool] = {}
        if jobs := self._leases.jobs() | self._outages.suspects:
            async with self._app.store.reading() as tx:
                seen = await tx.brakes.out_for(jobs)
        now = self._app.clock.monotonic()
        self._outages.mark_seen(seen, now)
        # As it is now: what was claimed during that look is not to be forgotten.
        held = self._leases.jobs()
        self._outages.keep(held | seen.keys(), now)
        self._caution.keep(held)
        # Those that have something due are held again in a moment: what they were found to be need not be found anew.
        for each in (self._recorder, self._breaker):
            each.keep(held | self._known.keys())
        self._release_forbidden()
        if self._outages.has_news:
            # Of a job that nothing is held of, nothing else may ever be written.
            self._recorder.nudge()

    async def _look_at_lanes(self) -> None:
        """See what was closed by refusals that others heard: a group's permits may be granted a second ahead."""
        if not self._running and not any(run.in_flight for run in self._runs.values()):
            return
        async with self._app.store.reading() as tx:
            now = (await tx.now()).timestamp()
            closed = await tx.lanes.closed(now=now)
        for lane, until in closed.items():
            if until > self._closed.get(lane, 0.0) and lane in self._runs:
                self._runs[lane].note_closed(until - now)
        self._closed = closed

    def _release_forbidden(self) -> None:
        # While Graph is out nobody holds anything of the job but its one probe, or nobody could take that.
        out = [held for held in self._leases.all() if self._outages.is_out(held.claim.key.job)]
        idle = [held for held in out if held.prefetched and not held.claim.is_probe]
        self._release([*self._leases.of_resting(), *idle])

    def _release(self, batches: list[LeasedBatch]) -> None:
        for held in batches:
            held.release_prefetched()
            self._recorder.add(held)

    async def _beat(self) -> None:
        app = self._app
        asked_at = app.clock.monotonic()
        # Not beside a write of outcomes: two statements over the same batches could wait for each other.
        async with self._recorder.quiet():
            held = self._leases.terms()
            async with app.store.transaction() as tx:
                now = await tx.now()
                extended = await tx.batches.extend_leases(app.worker, held.items(), until=now + LEASE)
                await tx.workers.beat(WorkerSeen(app.worker, app.kind, self._only, app.version, app.started_at, now))
            self._leases.extended(asked_at, held, extended)

    async def _sweep(self) -> None:
        if await recover_stalled(self._app):
            self._woken.set()
        await extend_lookup(self._app)
        await publish_waiting(self._app)

    async def _repeatedly(self, every: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Maintenance outlives every error: one that ended silently would be found out weeks later."""
        while True:
            try:
                async with asyncio.timeout(_MAINTENANCE_PATIENCE):
                    await work()
            except (TryLater, CannotContinue, TimeoutError) as problem:
                log.warning("maintenance.waiting", reason=str(problem))
            except Exception:
                log.exception("maintenance.broke")
            await self._app.clock.sleep(every)


@asynccontextmanager
async def open_driver(
    app: App,
    stop: StopSignal,
    *,
    only: Job | None = None,
    patience: float | None = None,
    serves: Callable[[DueJob], bool] | None = None,
) -> AsyncIterator[Driver]:
    """A driver at work; on the way out it waits `patience` seconds for answers, and lets go of everything.

    `serves` says of which jobs it may hold anything; by default of all.
    """
    driver = Driver(app, stop, only.number if only else None, patience, serves)
    driver.start()
    try:
        yield driver
    finally:
        await driver.close()


async def _is_at_rest(app: App, job: JobNumber) -> bool:
    try:
        async with app.store.reading() as tx:
            status = (await tx.jobs.statuses([job]))[job]
            tally = (await tx.jobs.tallies([job]))[job]
    except TryLater:
        return False
    # What a cancelled job still has waiting is cancelled by the next sweep, which may be ours alone.
    return shown_status(status, tally).is_at_rest and not tally.sending


_MAINTENANCE_PATIENCE = timedelta(seconds=30).total_seconds()
