"""Several workers, their clocks, one database and a misbehaving Graph, in one process on virtual time.

What is real: the use cases, the driver, the engine, the throttle, the store and its SQL, requests and the reading of
replies, the simulator's decisions. What is played: threads, sockets, and the ways in which processes come to grief.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.app import App
from orchestrator.domain.batching import Batching
from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.lane import Cloud, WriteLimit
from orchestrator.domain.outcome import Deferred, Outcome
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.sign_in_facts import TokenView, WayView
from orchestrator.domain.tenant import Permission, Tenant
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.graph.requests import request_for
from orchestrator.graph.responses import read_reply
from orchestrator.graph.transport import outcome_of_failure
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.handler import Asked
from orchestrator.simulator.paths import segments_of
from orchestrator.simulator.throttling import Quota
from orchestrator.simulator.tokens import ANY_APP, Bearer
from orchestrator.simulator.world import World as SimulatorsWorld
from orchestrator.store.engine.database import Store, Transaction
from orchestrator.store.work.row_throttle import RowThrottle
from tests.support.clock import START
from tests.support.invariants import CLOSED_WITHIN

ANSWER_PATIENCE = 30.0
"""Seconds after which a call without an answer counts as unheard."""

_TRAVEL = 0.05
_LOST_CONNECTIONS = 0.01
_SAMPLED = 0.05
_BEARER = Bearer("opaque", None, ANY_APP)


class Life:
    """Whether one process runs: what waits in a frozen one goes on when it thaws, in a dead one never."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.is_dead = False
        self.cut_off: str | None = None
        self.doubtful_commits = 0
        self.closed_until = 0.0
        self._runs = asyncio.Event()
        self._runs.set()

    @property
    def is_running(self) -> bool:
        return not self.is_dead and self._runs.is_set()

    async def gate(self) -> None:
        """Everything that reaches outside passes here."""
        while not self._runs.is_set():
            await self._runs.wait()
        if self.is_dead:
            raise asyncio.CancelledError

    def freeze(self) -> None:
        self._runs.clear()

    def thaw(self) -> None:
        self._runs.set()

    def end(self) -> None:
        """No step of it is taken any more."""
        self.is_dead = True
        self.thaw()
        for task in list(self.tasks):
            task.cancel()


_LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)


def note_tasks(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """A task factory: whatever a process starts dies with it."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    life = _LIFE.get()
    # SQLAlchemy gives a connection back in a task of its own. A process that dies takes its connection with it; here
    # there is one for all, which must find its way home.
    gives_back = "sqlalchemy" in getattr(getattr(work, "cr_code", None), "co_filename", "")
    if life is not None and not gives_back:
        life.tasks[task] = None
        task.add_done_callback(life.tasks.pop)
    return task


class SkewedClock:
    """The clock of one machine: wrong by so much, and counting from somewhere."""

    def __init__(self, life: Life, skew: timedelta, base: float) -> None:
        self._life, self._skew, self._base = life, skew, base

    def now(self) -> datetime:
        return true_time() + self._skew

    def monotonic(self) -> float:
        return self._base + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
        await self._life.gate()


class TrueClock:
    """The database's own clock."""

    def now(self) -> datetime:
        return true_time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def true_time() -> datetime:
    """The time that everybody would agree on."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


class MortalStore(Store):
    """The store as one process reaches it: late, cut off, dead, or never told that a commit was made."""

    def __init__(self, engine: AsyncEngine, clock: Clock, world: SimulatedWorld, life: Life) -> None:
        super().__init__(engine, clock)
        self._world, self._life = world, life

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        await self._reach()
        async with super().transaction() as tx:
            yield tx
        if self._life.doubtful_commits:
            self._life.doubtful_commits -= 1
            raise StoreUnavailable("the connection was lost while the commit was on its way")
        # The commit stands; a process that is frozen or dead now never hears of it, or late.
        await self._life.gate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        await self._reach()
        async with super().reading() as tx:
            yield tx

    async def _reach(self) -> None:
        await self._life.gate()
        await asyncio.sleep(self._world.chance.uniform(0.001, 0.01))
        await self._life.gate()
        while (away := self._life.cut_off or self._world.database_away) is not None:
            if away == "refuses":
                raise StoreUnavailable("the database refuses")
            await asyncio.sleep(0.25)
            await self._life.gate()


class DirectGraph:
    """Graph as one process calls it: the simulator's decisions, without its sockets."""

    def __init__(self, world: SimulatedWorld, life: Life) -> None:
        self._world, self._life = world, life
        self._idle_connections = 0

    @property
    def caller(self) -> DirectGraph:
        return self

    async def ready(self) -> Outcome | None:
        return None

    async def trigger(self, calls: Sequence[Call], may_leave: MayLeave) -> list[Outcome] | EnvelopesRefused | None:
        if not await self._connected(may_leave):
            return None
        self._world.note_departure(self._life)
        await asyncio.sleep(self._world.chance.uniform(0.002, _TRAVEL))
        if self._life.is_dead:
            raise asyncio.CancelledError
        envelope = "envelope" if len(calls) > 1 else None
        outcomes = await asyncio.gather(*(self._answered(call, envelope) for call in calls))
        self._idle_connections += 1
        self._world.note_heard(self._life, outcomes)
        return outcomes

    async def check_way(self) -> WayView:
        return WayView("simulated")

    async def issuer_seen(self) -> str | None:
        return None

    async def token_view(self) -> TokenView:
        return TokenView(Permission.GRANTED)

    async def _connected(self, may_leave: MayLeave) -> bool:
        """Whether a call may still leave once it has a connection: one of the pool, or a new one."""
        if self._idle_connections and self._world.chance.random() >= _LOST_CONNECTIONS:
            self._idle_connections -= 1
        else:
            await asyncio.sleep(self._world.chance.uniform(0.01, self._world.connects_within))
            await self._life.gate()
        if not may_leave():
            self._idle_connections += 1
            return False
        return True

    async def _answered(self, call: Call, envelope: str | None) -> Outcome:
        graph = self._world.graph
        version, _, below = request_for(call, "simulation").path[1:].partition("/")
        asked = Asked("POST", version, segments_of("/" + below), call.action, _BEARER, call.client_request_id, envelope)
        noted, reply = graph._handler.answer(asked)
        delay = reply.delay + self._world.chance.uniform(0.005, self._world.answers_within)
        if delay > ANSWER_PATIENCE:
            await asyncio.sleep(ANSWER_PATIENCE)
            await self._life.gate()
            return outcome_of_failure(httpx.ReadTimeout("no answer"))
        await asyncio.sleep(delay)
        await self._life.gate()
        if reply.delivery == "closed":
            return outcome_of_failure(httpx.ReadError("reset"))
        graph.tenant.add_delivery(noted, delivered=True)
        return read_reply(reply.status, dict(reply.headers), reply.encoded(), true_time())


@dataclass(slots=True)
class SimulatedWorker:
    """One process: its application and its driver, until it ends or is ended."""

    world: SimulatedWorld
    name: str
    app: App
    life: Life
    stop: StopSignal
    main: asyncio.Task[None] = field(init=False)

    @property
    def is_well(self) -> bool:
        """Whether it works, and reaches what it needs."""
        life = self.life
        return life.is_running and life.cut_off is None and not self.stop.is_requested and not self.main.done()

    def kill(self) -> None:
        """As by SIGKILL."""
        self.life.end()

    async def _live(self) -> None:
        async with open_driver(self.app, self.stop):
            await self.stop.wait()


class SimulatedWorld:
    """Everything of one run."""

    def __init__(
        self,
        engine: AsyncEngine,
        seed: int,
        *,
        limit: WriteLimit | None,
        quota: Quota | None,
        batching: Batching = Batching.OFF,
    ) -> None:
        self.engine, self.chance, self.limit, self.batching = engine, Random(seed), limit, batching
        loop = asyncio.get_running_loop()
        loop.set_task_factory(note_tasks)
        wall = START.timestamp()
        self.graph = SimulatedGraph(
            quota, seed=seed, world=SimulatorsWorld(clock=loop.time, wall=lambda: wall + loop.time())
        )
        self.tenant = Tenant("default", Cloud.GLOBAL, "https://graph.example", LaneKey("global/contoso/app"), limit)
        self.connects_within = self.chance.choice([0.1, 0.1, 3.0])
        self.answers_within = self.chance.choice([0.2, 0.2, 3.0])
        self.database_away: str | None = None
        self.cooldown: list[tuple[float, float]] = []
        self.broken: list[str] = []
        self.workers: list[SimulatedWorker] = []
        self._born = 0

    def note_departure(self, life: Life) -> None:
        """A request leaves. Whoever heard that the lane is closed knows it at once."""
        now = asyncio.get_running_loop().time()
        if now < life.closed_until:
            self.broken.append(f"a call left at {now:.3f}; its process knew of a 429 until {life.closed_until:.3f}")

    def note_heard(self, life: Life, outcomes: Sequence[Outcome]) -> None:
        """Of the 429s that came together the longest wait holds, for all processes half a second later."""
        waits = [
            outcome.retry_after.total_seconds()
            for outcome in outcomes
            if isinstance(outcome, Deferred) and outcome.closes_lane and outcome.retry_after is not None
        ]
        if waits:
            until = asyncio.get_running_loop().time() + max(waits)
            life.closed_until = max(life.closed_until, until)
            asyncio.create_task(self._hold_to_closure(life, until))  # noqa: RUF006 - kept by its life, and dies with it

    async def _hold_to_closure(self, life: Life, until: float) -> None:
        """Whoever heard of it must tell the others; while he cannot reach whom he should tell, only he can know."""
        loop = asyncio.get_running_loop()
        told_by = loop.time() + CLOSED_WITHIN
        while (now := loop.time()) < min(told_by, until):
            if not life.is_running or life.cut_off is not None or self.database_away is not None:
                told_by = now + _SAMPLED + CLOSED_WITHIN
            await asyncio.sleep(_SAMPLED)
        # What left before then arrives a little later.
        self.cooldown.append((told_by + _TRAVEL, until))

    def person(self) -> App:
        """An application for somebody who asks and does not work."""
        return self._app("ask@person", Life(), timedelta(0), 0.0, kind="ask")

    def start_worker(self, skew: timedelta = timedelta(0)) -> SimulatedWorker:
        """Another process that works."""
        self._born += 1
        name, life, stop = f"worker@machine:{self._born}", Life(), StopSignal()
        app = self._app(name, life, skew, self.chance.uniform(0, 1e6), kind="worker")
        worker = SimulatedWorker(self, name, app, life, stop)
        context = contextvars.copy_context()
        context.run(_LIFE.set, life)
        worker.main = context.run(asyncio.create_task, worker._live(), name=name)
        self.workers.append(worker)
        return worker

    async def close(self) -> None:
        """End everybody."""
        for worker in self.workers:
            worker.life.end()
        await asyncio.gather(*(worker.main for worker in self.workers), return_exceptions=True)
        await self.engine.dispose()

    def _app(self, name: str, life: Life, skew: timedelta, base: float, *, kind: str) -> App:
        clock = SkewedClock(life, skew, base)
        store = MortalStore(self.engine, TrueClock(), self, life)
        graph = DirectGraph(self, life)
        return App(
            store=store,
            clock=clock,
            chance=self.chance,
            worker=WorkerId(name),
            kind=kind,
            version="0",
            tenants={"default": self.tenant},
            connect=_always(graph),
            throttle=RowThrottle(store, clock, self.chance),
            queue=NoQueue(),
            policy=RetryPolicy(),
            batching=self.batching,
            started_at=clock.now(),
        )


def _always(graph: DirectGraph) -> Callable[[Tenant], Awaitable[DirectGraph]]:
    async def connect(_: Tenant) -> DirectGraph:
        return graph

    return connect
