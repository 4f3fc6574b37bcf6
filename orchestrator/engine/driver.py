"""The driver of one process: leases due batches in every lane and calls their devices until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

from orchestrator.app import App
from orchestrator.domain.errors import MusterError, TryLater
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.job import Job, shown_status
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.circuit_breaker import CircuitBreaker
from orchestrator.engine.claims import Claims
from orchestrator.engine.job_news import JobNewsWriter
from orchestrator.engine.job_watch import refresh_jobs
from orchestrator.engine.lane_admission import admit_lane
from orchestrator.engine.lane_loop import LaneLoop
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.leases import Leases
from orchestrator.engine.ports import Lane, Ports
from orchestrator.engine.publish_waiting import publish_waiting
from orchestrator.engine.record_outcomes import record_outcomes
from orchestrator.engine.recorder import Entry, Kept, Recorder
from orchestrator.engine.recovery import LEASE, recover_stalled
from orchestrator.engine.repeatedly import repeatedly
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.wait_reporter import WaitReporter
from orchestrator.inventory.device_history import extend_lookup
from orchestrator.store.work.fair_queue import DueJob
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

_PREPARING = 64
"""Lanes that prepare calls at once: enough for writes that pay, and few enough for their permits to live until then."""

_AT_ONCE = 64
_AT_ONCE_PACED = 400
"""Calls in flight where a limit paces them: slow answers must not let permits run out (200/20s, 30 s each: 300)."""


async def drive_job(app: App, stop: StopSignal, job: Job) -> None:
    """Claim and run the work of one job until it is at rest, or until told to stop."""
    async with open_driver(app, stop, only=job) as driver:
        while not stop.is_requested and not await _is_at_rest(app, job.number):
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
        self.jobs = ActiveJobs()
        self.messages = BatchMessages(app.clock.monotonic, self.wake)
        self._leases = Leases(app, self.jobs, self.messages)
        self._breaker = CircuitBreaker(app, self.jobs)
        self._recorder = Recorder(lambda entry: record_outcomes(app, entry), app.clock, self.jobs, self._settle)
        self._claims = Claims(
            app, self.jobs, self._leases, self._recorder, messages=self.messages, is_paced=self._is_paced
        )
        self._runs: dict[LaneKey, LaneLoop] = {}
        self._running: dict[LaneKey, asyncio.Task[None]] = {}
        self._preparing = asyncio.Semaphore(_PREPARING)
        self._closed: dict[LaneKey, float] = {}
        self._job_news = JobNewsWriter(app, self._claims)
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._reporter = WaitReporter(app, self._recorder, self._runs)
        self._looked_at = app.clock.monotonic()
        self._patience = PATIENCE if patience is None else patience
        self.look_count = 0

    def wake(self) -> None:
        """Something may be due: look now."""
        self._woken.set()

    @property
    def is_alive(self) -> bool:
        """Whether it looked for work lately; a process that does not is dead, also where its port answers."""
        return self._app.clock.monotonic() - self._looked_at < _DEAD_AFTER

    def start(self) -> None:
        """Begin to look, to beat and to sweep."""
        app = self._app
        app.waits.begin_work(self._only)
        app.leases.append(self._leases.tokens)
        work = {
            "recorder": self._recorder.run(),
            "beat": repeatedly(app.clock, _BEAT, self._beat),
            "sweep": repeatedly(app.clock, _SWEEP, self._sweep),
            "job_watch": repeatedly(app.clock, _WATCH, self._refresh_jobs),
            "cooldowns": repeatedly(app.clock, _WATCH, self._refresh_lanes),
            "waits": repeatedly(app.clock, _WATCH, self._reporter.report),
            "looking": self._looking(),
        }
        self._loops = {name: asyncio.create_task(loop, name=name) for name, loop in work.items()}

    async def close(self) -> None:
        """Ends the work: no new call leaves, answers are awaited and written, and all batches are released."""
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
        await self._claims.close(self._patience / 5)
        patience = max(0.0, until - self._app.clock.monotonic())
        await asyncio.gather(*(run.drain(patience) for run in self._runs.values()))
        self._release(self.jobs.leased())
        self._recorder.close()
        # The database may be away for good; recovery elsewhere returns the targets that are not written by then.
        await asyncio.wait(
            [self._loops["recorder"]], timeout=max(self._patience / 5, until - self._app.clock.monotonic())
        )
        for loop in self._loops.values():
            loop.cancel()
        await asyncio.gather(*self._loops.values(), return_exceptions=True)
        self._app.leases.remove(self._leases.tokens)
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
                await self._find_due()
                self._looked_at = self._app.clock.monotonic()
            except TryLater as problem:
                log.warning("driver.waiting", reason=str(problem))
            except Exception:
                # A driver that ended here would make no call, which the health check finds only after a minute.
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

    async def _find_due(self) -> None:
        asked_at = self._app.clock.monotonic()
        async with self._app.store.reading() as tx:
            now = await tx.now()
            due = await tx.fair_queue.due(worker=self._app.worker, now=now, only=self._only)
            named = self.messages.undecided
            waiting = await tx.waiting_batches.among(named, now=now) if named else set()
        if self._serves is not None:
            due = [each for each in due if self._serves(each)]
        self.messages.update_due(asked_at, due, waiting)
        for lane, tenant in self._claims.set_due(due).items():
            if lane not in self._running and not self._stop.is_requested:
                task = asyncio.create_task(self._run_lane(lane, tenant), name=f"lane {lane}")
                self._running[lane] = task
                task.add_done_callback(partial(self._lane_ended, lane))

    def _is_paced(self, tenant_name: str) -> bool:
        tenant = self._app.tenants.get(tenant_name)
        return tenant is None or tenant.write_limit is not None

    async def _run_lane(self, key: LaneKey, tenant_name: str) -> None:
        if key not in self._runs:
            tenant = self._app.tenants.get(tenant_name)
            if tenant is None or tenant.lane != key:
                log.warning("lane.unknown", lane=key, tenant=tenant_name)
                self._reporter.report_unknown_lane(key, tenant_name)
                await self._app.clock.sleep(_LOOK * 5)
                return
            with self._reporter.opening(key):
                connection = await self._app.connect(tenant)
                if not await admit_lane(self._app, connection, key, only=self._only):
                    return
            at_once = _AT_ONCE if tenant.write_limit is None else _AT_ONCE_PACED
            lane = Lane(key, tenant.write_limit, connection.caller, self._app.batching, at_once)
            self._runs[key] = LaneLoop(lane, self._ports(), self._stop)
        await self._runs[key].run()
        # No batch could be claimed: none is due, or the first answers of a job are awaited.
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
            prefetch=self._claims.prefetch,
            draw=self._claims.draw,
            throttle=app.throttle,
            recorder=self._recorder,
            may_call=self._leases.allows,
            policy=app.policy,
            clock=app.clock,
            chance=app.chance,
            utc=self._leases.now,
            preparing=self._preparing,
            metrics=app.metrics,
            lanes=lambda: len(self._running),
        )

    async def _settle(self, entry: Entry, kept: Kept) -> None:
        try:
            self._leases.settle(entry, kept)
            await self._job_news.write(entry)
            await self._breaker.judge(entry)
        except Exception:
            # The entry is committed: an error that went on from here would make the recorder write it again.
            log.exception("driver.after_write_broke", jobs=len({change.key.job for change in entry.batches}))
        self.jobs.mark_judged(entry.unjudged)
        self._release_forbidden()
        if entry.unjudged or entry.answered or any(batch.released for batch in entry.batches):
            self._woken.set()

    async def _refresh_jobs(self) -> None:
        await refresh_jobs(self._app, self.jobs)
        self._release_forbidden()
        if any(job.outage.has_news for job in self.jobs):
            # Of a job without leased batches nothing else may ever be written.
            self._recorder.nudge()

    async def _refresh_lanes(self) -> None:
        """Reads the cooldowns that other processes wrote: a group's permits may be granted a second ahead."""
        if not self._running and not any(run.in_flight for run in self._runs.values()):
            return
        async with self._app.store.reading() as tx:
            now = (await tx.now()).timestamp()
            closed = await tx.lanes.closed(now=now)
        for lane, until in closed.items():
            if until > self._closed.get(lane, 0.0) and lane in self._runs:
                self._runs[lane].close_for(until - now)
        self._closed = closed

    def _release_forbidden(self) -> None:
        self._release(batch for job in self.jobs for batch in job.forbidden)

    def _release(self, batches: Iterable[LeasedBatch]) -> None:
        for batch in batches:
            batch.release_prefetched()
            self._recorder.add(batch)

    async def _beat(self) -> None:
        app = self._app
        asked_at = app.clock.monotonic()
        # Not beside a write of outcomes: two statements over the same batches could wait for each other.
        async with self._recorder.quiet():
            asked = self._leases.tokens()
            async with app.store.transaction() as tx:
                now = await tx.now()
                extended = await tx.batches.extend_leases(app.worker, asked.items(), until=now + LEASE)
                await tx.workers.beat(WorkerSeen(app.worker, app.kind, self._only, app.version, app.started_at, now))
            self._leases.extend(asked_at, asked, extended)

    async def _sweep(self) -> None:
        if await recover_stalled(self._app):
            self._woken.set()
        await extend_lookup(self._app)
        await publish_waiting(self._app)


@asynccontextmanager
async def open_driver(
    app: App,
    stop: StopSignal,
    *,
    only: Job | None = None,
    patience: float | None = None,
    serves: Callable[[DueJob], bool] | None = None,
) -> AsyncIterator[Driver]:
    """A driver at work; at its end it waits `patience` seconds for answers, and releases all batches.

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
    # Waiting targets of a cancelled job are cancelled by the next sweep, which may be ours alone.
    return shown_status(status, tally).is_at_rest and not tally.sending
