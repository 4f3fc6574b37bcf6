"""One run of the simulation: a seed says what is asked for, what breaks and when; the same seed breaks the same."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import structlog

from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.batching import Batching
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.device import Device
from orchestrator.domain.errors import IllegalMove, StoreUnavailable
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Intake, Job, JobStatus, Priority
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.lane import WriteLimit
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import pack
from orchestrator.simulator.throttling import Quota
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.receive_job import new_job, publish_reception, receiving
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.views.jobs import job_object
from tests.support.apps import device_ids
from tests.support.guards import noted_by_guards, set_guards
from tests.support.inline_sqlite import engine_in_memory
from tests.support.invariants import Evidence, JobEvidence, violations_of
from tests.support.simulated_world import SimulatedWorker, SimulatedWorld
from tests.support.virtual_loop import run_virtually

_LIMITS = (WriteLimit(60, timedelta(seconds=1)), WriteLimit(100, timedelta(seconds=2)), None)
_TROUBLE_FOR = 9.0
"""Virtual seconds in which things break; then all of it is mended, and everything must come to its end."""

_LONGEST = 1800.0


@dataclass(slots=True)
class RunSummary:
    """What one run was, and what did not hold in it."""

    seed: int
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    devices: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    recoveries: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    digest: tuple[float, ...] = ()


def run_seed(seed: int, template: Path, *, is_loud: bool = False) -> RunSummary:
    """The run of this seed on a copy of a migrated file."""
    with _quiet(is_loud=is_loud):
        return run_virtually(_Run(seed, template).run())


def run_crowd(template: Path, *, workers: int, jobs: int, devices: int, limit: WriteLimit) -> RunSummary:
    """So many workers on so many jobs of one lane, each of so many devices; nothing breaks."""
    with _quiet(is_loud=False):
        return run_virtually(_Run(0, template).run_crowd(workers, jobs, devices, limit))


@dataclass(slots=True)
class Totals:
    """What many runs were, all together."""

    seeds: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    devices: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    recoveries: list[float] = field(default_factory=list)
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, run: RunSummary) -> None:
        """One run more."""
        self.seeds += 1
        self.calls += run.calls
        self.faults += run.faults
        self.answers += run.answers
        self.devices += run.devices
        self.repeated += run.repeated
        self.recoveries += run.recoveries
        if run.broken:
            self.broken[run.seed] = run.broken

    def __str__(self) -> str:
        recoveries = sorted(self.recoveries) or [0.0]
        unheard = sum(count for answer, count in self.answers.items() if answer != "204")
        return (
            f"{self.seeds} seeds, {self.calls:,} calls ({unheard:,} not answered with 204), "
            f"{self.faults.total():,} faults injected\n"
            f"faults: {_listed(self.faults)}\n"
            f"devices: {_listed(self.devices)}, {self.repeated:,} reached twice, {_lost(self)} lost\n"
            f"work of the {len(self.recoveries)} killed taken up after {median(recoveries):.1f} s (median), "
            f"{recoveries[-1]:.1f} s (worst)"
        )


def how_to_replay(seed: int) -> str:
    """What to type to see the same run again, with its log."""
    return f"make chaos KIND=simulation SEED={seed}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _lost(totals: Totals) -> int:
    return sum("rows than the list" in line or "at the end" in line for each in totals.broken.values() for line in each)


class _Run:
    def __init__(self, seed: int, template: Path) -> None:
        self.summary = RunSummary(seed)
        self._seed, self._template, self._chance = seed, template, Random(f"run {seed}")
        self._jobs: list[tuple[Job, list[str]]] = []
        self._fences: dict[JobNumber, list[tuple[float, float]]] = {}
        self._deaths: dict[str, float] = {}

    async def run(self) -> RunSummary:
        limit = self._chance.choice(_LIMITS)
        await self._open(limit, self._chance.choice([Batching.OFF, Batching.OFF, Batching.ON]))
        try:
            jobs = self._chance.choice([1, 1, 2])
            for _ in range(jobs):
                await self._submit(self._chance.randint(305, 380) // jobs)
            for _ in range(self._chance.choice([2, 2, 3])):
                self._start()
            watching = asyncio.create_task(self._watch_recoveries())
            await self._break_things()
            await self._mend()
            watching.cancel()
            await self._gather_evidence(limit)
        finally:
            await self._world.close()
        return self.summary

    async def run_crowd(self, workers: int, jobs: int, devices: int, limit: WriteLimit) -> RunSummary:
        await self._open(limit, Batching.OFF)
        self._world.connects_within, self._world.answers_within = 0.1, 0.2
        try:
            for _ in range(jobs):
                await self._submit(devices)
            for _ in range(workers):
                self._world.start_worker()
            await self._mend()
            await self._gather_evidence(limit)
        finally:
            await self._world.close()
        return self.summary

    async def _open(self, limit: WriteLimit | None, batching: Batching) -> None:
        engine = engine_in_memory(self._template)
        await set_guards(engine)
        quota = None if limit is None else Quota(limit.calls, limit.window.total_seconds(), window="sliding")
        self._world = SimulatedWorld(engine, self._seed, limit=limit, quota=quota, batching=batching)
        self._person = self._world.person()

    # What is asked for.

    async def _submit(self, count: int) -> None:
        chance, app = self._chance, self._person
        devices = device_ids(count, seed=chance.getrandbits(32))
        action = Action.FULL_SCAN if chance.random() < 0.3 else Action.REFRESH_USER_POLICY
        wanted = JobSpec(action=action, tenant="default")
        by = Actor("simulation", "tests")
        lines = list(enumerate(devices, 2))
        size = chance.choice([20, 50, 500])
        rows = [InputRow(line, (device,), device=Device((device,))) for line, device in lines]
        new = new_job(app, wanted, ("Device ID",), by=by, reason=None, file_name=None)
        async with receiving(app, new) as reception:
            async with app.store.transaction() as tx:
                now = await tx.now()
                await tx.reception.add_page(reception.number, 0, (2, lines[-1][0]), pack(rows), now=now)
                named = [(line, device, None) for line, device in lines]
                batches = [named[start : start + size] for start in range(0, len(lines), size)]
                await tx.reception.add_batches(reception.number, 0, batches, now=now)
            reception.total = len(lines)
            brake = chance.choice([BrakeOptions(), BrakeOptions(100, 1), BrakeOptions(10, 20)])
            canary = chance.choice([0, 0, 10])
            job = await publish_reception(
                app, reception, Intake(len(lines)), by=Actor("person", "tests"), brake=brake, canary=canary
            )
        self._jobs.append((job, devices))
        self._fences[job.number] = []

    def _start(self) -> None:
        skew = timedelta(minutes=self._chance.choice([0, 0, 0, -10, 10]))
        self._world.start_worker(skew)

    # What breaks.

    async def _break_things(self) -> None:
        loop = asyncio.get_running_loop()
        breakages: list[Callable[[], Awaitable[None]]] = [
            *[self._kill] * 3,
            *[self._freeze] * 2,
            self._end_gently,
            *[self._cut_off] * 2,
            self._lose_database,
            *[self._doubt_commits] * 2,
            *[self._trouble_graph] * 6,
            *[self._ask_for_a_pause] * 2,
            self._ask_for_another_priority,
            self._perhaps_cancel,
        ]
        under_way: list[asyncio.Task[None]] = []
        while loop.time() < _TROUBLE_FOR:
            await asyncio.sleep(self._chance.uniform(0.1, 2.0))
            breakage = self._chance.choice(breakages)
            under_way.append(asyncio.ensure_future(breakage()))
        await asyncio.gather(*under_way)

    def _count(self, fault: str) -> None:
        self.summary.faults[fault] += 1

    def _someone(self) -> SimulatedWorker | None:
        alive = [worker for worker in self._world.workers if not worker.main.done() and not worker.life.is_dead]
        return self._chance.choice(alive) if alive else None

    async def _kill(self) -> None:
        if (worker := self._someone()) is None:
            return
        self._count("killed")
        worker.kill()
        self._deaths[worker.name] = asyncio.get_running_loop().time()
        await asyncio.sleep(self._chance.uniform(0.0, 8.0))
        self._start()

    async def _freeze(self) -> None:
        if (worker := self._someone()) is None:
            return
        self._count("frozen")
        worker.life.freeze()
        await asyncio.sleep(self._chance.choice([0.5, 3.0, 9.0, 14.0]))
        worker.life.thaw()

    async def _end_gently(self) -> None:
        if (worker := self._someone()) is None:
            return
        self._count("asked to end")
        worker.stop.request()
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        self._start()

    async def _cut_off(self) -> None:
        if (worker := self._someone()) is None:
            return
        self._count("cut off from the database")
        worker.life.cut_off = self._chance.choice(["refuses", "hangs"])
        await asyncio.sleep(self._chance.choice([0.5, 4.0, 12.0]))
        worker.life.cut_off = None

    async def _lose_database(self) -> None:
        self._count("database away")
        self._world.database_away = self._chance.choice(["refuses", "hangs"])
        await asyncio.sleep(self._chance.choice([0.5, 3.0, 8.0]))
        self._world.database_away = None

    async def _doubt_commits(self) -> None:
        if (worker := self._someone()) is not None:
            self._count("commit unheard of")
            worker.life.doubtful_commits += self._chance.randint(1, 3)

    async def _trouble_graph(self) -> None:
        graph, chance = self._world.graph, self._chance
        now = asyncio.get_running_loop().time()
        while_it_lasts: dict[str, Any] = {"since": now, "until": now + chance.choice([1.0, 4.0, 10.0])}
        some: dict[str, Any] = {"share": chance.choice([0.02, 0.1, 0.4]), **while_it_lasts}
        troubles: dict[str, Callable[[], None]] = {
            "outage": lambda: graph.outage(seconds=chance.choice([2, 6, 20]), status=chance.choice([500, 503, 504, 0])),
            "storm of 429": lambda: graph.refuse(None, 429, retry_after=chance.choice([None, "1", "4"]), **some),
            "lost replies": lambda: graph.lose_reply(**some),
            "closed connections": lambda: graph.close_connection(**some),
            "hanging answers": lambda: graph.hang(seconds=60.0, effect=chance.random() < 0.5, **some),
            "pages of HTML": lambda: graph.answer_html(**some),
            "half documents": lambda: graph.answer_truncated(**some),
            "headers of rubbish": lambda: graph.answer_rubbish(**some),
            "slow answers": lambda: graph.slow_down(low=1.0, high=20.0, **some),
            "500 with effect": lambda: graph.refuse(None, 504, effect=True, **some),
            "devices that are gone": lambda: graph.refuse(None, 404, share=0.1),
            "devices in conflict": lambda: graph.refuse(None, 409, **some),
        }
        name = chance.choice(list(troubles))
        self._count(name)
        troubles[name]()

    async def _ask_for_a_pause(self) -> None:
        job, _ = self._chance.choice(self._jobs)
        try:
            await pause_job(self._person, job.id, by=Actor("person", "tests"))
            self._count("paused")
            self._fences[job.number].append((asyncio.get_running_loop().time(), _LONGEST))
            await asyncio.sleep(self._chance.choice([1.5, 3.0, 6.0]))
            await self._resume(job)
        except (IllegalMove, StoreUnavailable):
            return

    async def _ask_for_another_priority(self) -> None:
        job, _ = self._chance.choice(self._jobs)
        try:
            await reprioritise_job(
                self._person, job.id, self._chance.choice(list(Priority)), by=Actor("person", "tests")
            )
        except (IllegalMove, StoreUnavailable):
            return

    async def _perhaps_cancel(self) -> None:
        job, _ = self._chance.choice(self._jobs)
        if self._chance.random() < 0.7:
            return
        try:
            await cancel_job(self._person, job.id, by=Actor("person", "tests"))
            self._count("cancelled")
            self._fences[job.number].append((asyncio.get_running_loop().time(), _LONGEST))
        except (IllegalMove, StoreUnavailable):
            return

    async def _watch_recoveries(self) -> None:
        """How long the dead are remembered: what they held must be somebody else's soon."""
        store, waited = self._person.store, dict[str, float]()
        while True:
            await asyncio.sleep(0.25)
            if not self._deaths:
                continue
            if self._world.database_away or not any(worker.is_well for worker in self._world.workers):
                # Nobody can take up anything now.
                waited.update(dict.fromkeys(self._deaths, asyncio.get_running_loop().time()))
                continue
            async with store.reading() as tx:
                rows = await tx.connection.exec_driver_sql("SELECT DISTINCT holder FROM batches")
                holders = {holder for (holder,) in rows}
            for dead, died_at in list(self._deaths.items()):
                if dead not in holders:
                    since = max(died_at, waited.get(dead, 0.0))
                    self.summary.recoveries.append(asyncio.get_running_loop().time() - since)
                    del self._deaths[dead]

    # How it ends.

    async def _mend(self) -> None:
        world, loop = self._world, asyncio.get_running_loop()
        world.graph.behave()
        if self._someone() is None:
            self._start()
        statuses: list[JobStatus] = []
        while loop.time() < _LONGEST:
            statuses = [await self._helped(job) for job, _ in self._jobs]
            if all(status.is_final for status in statuses):
                return
            await asyncio.sleep(1.0)
        self.summary.broken.append(f"after half an hour the jobs are {', '.join(statuses)}")

    async def _helped(self, job: Job) -> JobStatus:
        """Where the job stands; a person lets it go on where it rests."""
        view = await describe_job(self._person, job.id)
        if view.status in {JobStatus.PAUSED, JobStatus.STOPPED}:
            self.summary.faults[view.status] += view.status is JobStatus.STOPPED
            await self._resume(job)
        return view.status

    async def _resume(self, job: Job) -> None:
        """Whoever asked for a pause, and however many did: one person lets the job go on for all of them."""
        asked_at = asyncio.get_running_loop().time()
        self._end_fences(job, asked_at)
        await resume_job(self._person, job.id, by=Actor("person", "tests"))
        # Somebody else may have asked for a pause meanwhile: which of the two came last, only the database knows.
        self._end_fences(job, asked_at)

    def _end_fences(self, job: Job, instant: float) -> None:
        self._fences[job.number] = [
            (since, min(until, max(since, instant))) for since, until in self._fences[job.number]
        ]

    async def _gather_evidence(self, limit: WriteLimit | None) -> None:
        summary, graph, person = self.summary, self._world.graph, self._person
        jobs = []
        for job, devices in self._jobs:
            text = "".join([piece async for piece in report_text(person, job.id)])
            rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
            facts = job_object(await describe_job(person, job.id))["counts"]
            counts = {name: value for name, value in facts.items() if isinstance(value, int)}
            jobs.append(JobEvidence(devices, rows, counts, job.action.is_repeatable, tuple(self._fences[job.number])))
            summary.devices.update(row["status"] for row in rows)
            summary.devices.update("marked" for row in rows if row["maybeRepeated"] == "true")
        evidence = Evidence(
            graph.tenant.calls,
            jobs,
            limit=None if limit is None else (limit.calls, limit.window.total_seconds()),
            cooldown=self._world.cooldown,
            recoveries=summary.recoveries,
            stale_writes=await noted_by_guards(self._world.engine),
            others=self._world.broken,
        )
        summary.calls = graph.tenant.total
        summary.answers = Counter(str(status or "closed") for status in graph.tenant.by_status.elements())
        summary.repeated = len(graph.tenant.repeated())
        summary.digest = tuple(call.arrived for call in graph.tenant.calls)
        summary.broken += violations_of(evidence)


@contextmanager
def _quiet(*, is_loud: bool) -> Iterator[None]:
    if is_loud:
        yield
        return
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
