"""A team's installation of real processes: workers over one PostgreSQL, one broker and one simulated Graph."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import asyncpg

from orchestrator.domain.ids import JobId
from orchestrator.engine.system_clock import SystemClock
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.store.engine.database import open_store
from orchestrator.store.engine.engines import make_engine
from tests.support.apps import device_ids, devices_csv, standing
from tests.support.command_line import CommandLine, Running
from tests.support.forked import Forked
from tests.support.guards import noted_by_guards, set_guards
from tests.support.invariants import Evidence, JobEvidence
from tests.support.stalls import measured_stalls
from tests.support.tcp_proxy import TcpProxy, open_proxy
from tests.support.waiting import PATIENCE, until

Part = Literal["database", "broker"]
PARTS: tuple[Part, ...] = ("database", "broker")
_VARIABLES: dict[Part, str] = {"database": "MUSTER_DATABASE_URL", "broker": "MUSTER_BROKER_URL"}


@dataclass(slots=True)
class TeamWorker:
    """One worker process, and its own ways to its database and its broker, where it goes by any."""

    running: Running
    ways: dict[Part, TcpProxy]
    died_at: float | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | Forked:
        return self.running.process

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and gone."""
        self.died_at = time.monotonic()
        self.process.kill()
        self.process.wait(PATIENCE)

    def freeze(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)


@dataclass(slots=True)
class TeamJob:
    """A job and what it was asked for."""

    id: str
    devices: list[str]
    may_repeat: bool
    fences: list[tuple[float, float]] = field(default_factory=list)


class Team:
    """Whoever works, and whoever asks; the person who asks goes by no proxy.

    The way to Graph is one for all: its address is a part of the lane's name, and the lane is one.
    """

    def __init__(
        self,
        folder: Path,
        variables: dict[str, str],
        graph: SimulatedGraph,
        way_to_graph: TcpProxy,
        opened: ExitStack,
    ) -> None:
        self.graph, self.way_to_graph = graph, way_to_graph
        self.muster = CommandLine(folder, variables)
        self.workers: list[TeamWorker] = []
        self.jobs: list[TeamJob] = []
        self.recoveries: list[float] = []
        self.stalls = opened.enter_context(measured_stalls())
        self._folder, self._variables, self._opened = folder, variables, opened
        self._services = {part: variables[name] for part, name in _VARIABLES.items()}

    @property
    def database_url(self) -> str:
        return self._services["database"]

    def worker(self, *, through: Sequence[Part] = (), clock: float = 0.0, **more: str) -> TeamWorker:
        """Another worker process; `through` names what it reaches by a proxy of its own."""
        folder = self._folder / f"worker{len(self.workers) + 1}"
        folder.mkdir()
        ways = {part: self._opened.enter_context(open_proxy(self._services[part])) for part in through}
        variables = {**self._variables, **more}
        variables |= {_VARIABLES[part]: proxy.url(self._services[part]) for part, proxy in ways.items()}
        running = self._opened.enter_context(CommandLine(folder, variables).started("worker", clock=clock))
        worker = TeamWorker(running, ways)
        self.workers.append(worker)
        return worker

    def submit(
        self, count: int, *arguments: str, action: str = "refreshUserPolicy", seed: int = 1, **more: str
    ) -> TeamJob:
        """A job of so many devices."""
        file = self.muster.write(f"devices{seed}.csv", devices_csv(count, seed=seed))
        ended = self.muster.run(
            "submit", file, "--action", action, "--yes", "-o", "json", *arguments, stdin=b"", **more
        )
        assert ended.out, ended.err
        job = TeamJob(ended.json["id"], device_ids(count, seed=seed), action != "fullScan")
        self.jobs.append(job)
        return job

    def show(self, job: TeamJob) -> dict[str, Any]:
        """The job as JSON; its counts add up whenever anybody looks."""
        shown: dict[str, Any] = self.muster.run("job", "show", job.id, "-o", "json").json
        counts = shown["counts"]
        assert sum(counts.values()) == 2 * counts["total"]
        return shown

    def finish(self, job: TeamJob, *, patience: float = PATIENCE) -> dict[str, Any]:
        """The job once it is at rest."""
        asyncio.run(self._until_at_rest(job, patience))
        return self.show(job)

    async def _until_at_rest(self, job: TeamJob, patience: float) -> None:
        # Asked of the database over one connection: a command that asks, or a connection for each look, takes as much
        # processor time as the workers that are waited for.
        deadline = time.monotonic() + patience
        async with open_store(self.database_url, SystemClock(), pool_size=1) as store:
            while True:
                status, tally = await standing(store, JobId(job.id))
                assert tally.total == len(job.devices)
                if status.is_at_rest:
                    return
                assert time.monotonic() < deadline, f"not within {patience} seconds\n{self.last_words()}"
                await asyncio.sleep(0.2)

    def rows(self, job: TeamJob) -> list[dict[str, str]]:
        """Its report."""
        return self.muster.run("job", "report", job.id).rows

    def called(self, more_than: int) -> None:
        """Until Graph has heard more calls than that."""
        until(lambda: self.graph.tenant.total > more_than, self.last_words)

    def taken_up(self, dead: TeamWorker) -> None:
        """Wait until a dead worker holds nothing any more; note for the evidence how long after its death that was."""
        until(lambda: not self.holds(dead), self.last_words, pause=0.25)
        self.recoveries.append(time.monotonic() - (dead.died_at or 0.0))

    def holds(self, worker: TeamWorker) -> bool:
        """Whether the database still has it as the holder of anything."""
        pattern = f"%:{worker.process.pid}:%"
        return bool(ask(self.database_url, "SELECT count(*) FROM batches WHERE holder LIKE $1", pattern))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note how long those that are killed hold on to their work; while PostgreSQL is away nobody can take it up."""
        stop = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._watch(stop)), name="watching")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    async def _watch(self, stop: threading.Event) -> None:
        seen, away_until, connection = set[int](), 0.0, None
        while not stop.wait(0.2):
            try:
                connection = connection or await asyncpg.connect(self.database_url, timeout=5)
                rows = await connection.fetch("SELECT DISTINCT holder FROM batches WHERE holder IS NOT NULL")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                away_until, connection = time.monotonic(), None
                continue
            held_by = {int(row["holder"].split(":")[1]) for row in rows}
            for dead in [each for each in self.workers if each.died_at and each.process.pid not in held_by | seen]:
                seen.add(dead.process.pid)
                self.recoveries.append(time.monotonic() - max(dead.died_at or 0.0, away_until))
        if connection is not None:
            await connection.close()

    def evidence(self, *, limit: tuple[int, float] | None = None, others: Sequence[str] = ()) -> Evidence:
        """Everything that is to be judged."""
        jobs = [
            JobEvidence(job.devices, self.rows(job), self.show(job)["counts"], job.may_repeat, tuple(job.fences))
            for job in self.jobs
        ]
        return Evidence(
            self.graph.tenant.calls,
            jobs,
            limit=limit,
            recoveries=self.recoveries,
            allowance=self.stalls.allowance,
            stale_writes=asyncio.run(self._noted()),
            others=others,
        )

    def last_words(self) -> str:
        """The ends of all logs, for whoever reads why a test failed."""
        return "\n".join(worker.running.told.read_text(errors="replace")[-1500:] for worker in self.workers)

    async def _noted(self) -> list[str]:
        engine = make_engine(self.database_url, pool_size=1)
        try:
            return await noted_by_guards(engine)
        finally:
            await engine.dispose()


@contextmanager
def a_team(
    folder: Path,
    graph: SimulatedGraph,
    *,
    database_url: str,
    broker_url: str,
    limit: str = "200/4s",
    guarded: bool = True,
    **more: str,
) -> Iterator[Team]:
    """A team around a simulated Graph; everything it started is gone after the block."""
    if guarded:
        guard(database_url)
    with ExitStack() as opened:
        graph_url = opened.enter_context(serve_in_thread(graph))
        way_to_graph = opened.enter_context(open_proxy(graph_url))
        variables = {
            "MUSTER_DATABASE_URL": database_url,
            "MUSTER_BROKER_URL": broker_url,
            "MUSTER_GRAPH_URL": way_to_graph.url(graph_url),
            "MUSTER_ACCESS_TOKEN": "token",
            "MUSTER_WRITE_LIMIT": limit,
            "MUSTER_LOG_LEVEL": "info",
            **more,
        }
        yield Team(folder, variables, graph, way_to_graph, opened)


def ask(url: str, question: str, *parameters: object) -> Any:
    """One value from a PostgreSQL database."""

    async def fetch() -> Any:
        connection = await asyncpg.connect(url, timeout=PATIENCE)
        try:
            return await connection.fetchval(question, *parameters)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def guard(url: str) -> None:
    """Note from now on what breaks a rule in this database."""
    asyncio.run(_guard(url))


async def _guard(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    try:
        await set_guards(engine)
    finally:
        await engine.dispose()
