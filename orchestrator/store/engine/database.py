"""The store and the transaction: how everything above reaches SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import RequestRejected
from orchestrator.store.engine.engines import make_engine
from orchestrator.store.engine.troubles import is_nul, is_outage, place_of, unavailable
from orchestrator.telemetry.logger import get_logger

if TYPE_CHECKING:
    from orchestrator.store.access.audit import Audit
    from orchestrator.store.access.keys import Keys
    from orchestrator.store.access.refusals import Refusals
    from orchestrator.store.access.sent_requests import SentRequests
    from orchestrator.store.access.sessions import Sessions
    from orchestrator.store.jobs.creations import Creations
    from orchestrator.store.jobs.inputs import Inputs
    from orchestrator.store.jobs.inventory import Inventories
    from orchestrator.store.jobs.inventory_devices import InventoryDevices
    from orchestrator.store.jobs.job_ends import JobEnds
    from orchestrator.store.jobs.job_search import JobSearch
    from orchestrator.store.jobs.jobs import Jobs
    from orchestrator.store.jobs.notices import Notices
    from orchestrator.store.jobs.past_jobs import PastJobs
    from orchestrator.store.jobs.past_outcomes import PastOutcomes
    from orchestrator.store.jobs.reception import Reception
    from orchestrator.store.jobs.run_failures import RunFailures
    from orchestrator.store.jobs.samples import Samples
    from orchestrator.store.jobs.saved_lists import SavedLists
    from orchestrator.store.jobs.target_lookup import TargetLookup
    from orchestrator.store.jobs.targets import Targets
    from orchestrator.store.schedules.occurrences import Occurrences
    from orchestrator.store.schedules.schedules import Schedules
    from orchestrator.store.work.attention import Attention
    from orchestrator.store.work.batch_claims import BatchClaims
    from orchestrator.store.work.batches import Batches
    from orchestrator.store.work.brakes import Brakes
    from orchestrator.store.work.canaries import Canaries
    from orchestrator.store.work.emergency_stops import EmergencyStops
    from orchestrator.store.work.fair_queue import FairQueue
    from orchestrator.store.work.lane_waits import LaneWaits
    from orchestrator.store.work.lanes import Lanes
    from orchestrator.store.work.recovery import Recovery
    from orchestrator.store.work.totals import Totals
    from orchestrator.store.work.waiting_batches import WaitingBatches
    from orchestrator.store.work.workers import Workers

log = get_logger(__name__)

_SOON = 2.0
"""Seconds that a statement on a connection of its own is waited for: a later answer has no use."""

_REPOSITORIES = {
    "jobs": "orchestrator.store.jobs.jobs:Jobs",
    "job_ends": "orchestrator.store.jobs.job_ends:JobEnds",
    "fair_queue": "orchestrator.store.work.fair_queue:FairQueue",
    "batch_claims": "orchestrator.store.work.batch_claims:BatchClaims",
    "batches": "orchestrator.store.work.batches:Batches",
    "waiting_batches": "orchestrator.store.work.waiting_batches:WaitingBatches",
    "brakes": "orchestrator.store.work.brakes:Brakes",
    "canaries": "orchestrator.store.work.canaries:Canaries",
    "targets": "orchestrator.store.jobs.targets:Targets",
    "target_lookup": "orchestrator.store.jobs.target_lookup:TargetLookup",
    "inputs": "orchestrator.store.jobs.inputs:Inputs",
    "inventories": "orchestrator.store.jobs.inventory:Inventories",
    "inventory_devices": "orchestrator.store.jobs.inventory_devices:InventoryDevices",
    "reception": "orchestrator.store.jobs.reception:Reception",
    "recovery": "orchestrator.store.work.recovery:Recovery",
    "lanes": "orchestrator.store.work.lanes:Lanes",
    "workers": "orchestrator.store.work.workers:Workers",
    "lane_waits": "orchestrator.store.work.lane_waits:LaneWaits",
    "emergency_stops": "orchestrator.store.work.emergency_stops:EmergencyStops",
    "job_search": "orchestrator.store.jobs.job_search:JobSearch",
    "keys": "orchestrator.store.access.keys:Keys",
    "creations": "orchestrator.store.jobs.creations:Creations",
    "attention": "orchestrator.store.work.attention:Attention",
    "audit": "orchestrator.store.access.audit:Audit",
    "refusals": "orchestrator.store.access.refusals:Refusals",
    "sent_requests": "orchestrator.store.access.sent_requests:SentRequests",
    "sessions": "orchestrator.store.access.sessions:Sessions",
    "past_jobs": "orchestrator.store.jobs.past_jobs:PastJobs",
    "past_outcomes": "orchestrator.store.jobs.past_outcomes:PastOutcomes",
    "run_failures": "orchestrator.store.jobs.run_failures:RunFailures",
    "samples": "orchestrator.store.jobs.samples:Samples",
    "totals": "orchestrator.store.work.totals:Totals",
    "lists": "orchestrator.store.jobs.saved_lists:SavedLists",
    "schedules": "orchestrator.store.schedules.schedules:Schedules",
    "occurrences": "orchestrator.store.schedules.occurrences:Occurrences",
    "notices": "orchestrator.store.jobs.notices:Notices",
}
"""The repositories by subject, each loaded by the first transaction that uses it."""


class Transaction:
    """One unit of work: the repositories by name, and the acts that follow its commit."""

    jobs: Jobs
    job_ends: JobEnds
    fair_queue: FairQueue
    batch_claims: BatchClaims
    batches: Batches
    waiting_batches: WaitingBatches
    brakes: Brakes
    canaries: Canaries
    targets: Targets
    target_lookup: TargetLookup
    inputs: Inputs
    inventories: Inventories
    inventory_devices: InventoryDevices
    reception: Reception
    recovery: Recovery
    lanes: Lanes
    workers: Workers
    lane_waits: LaneWaits
    emergency_stops: EmergencyStops
    job_search: JobSearch
    keys: Keys
    creations: Creations
    attention: Attention
    audit: Audit
    refusals: Refusals
    sent_requests: SentRequests
    sessions: Sessions
    past_jobs: PastJobs
    past_outcomes: PastOutcomes
    run_failures: RunFailures
    samples: Samples
    totals: Totals
    lists: SavedLists
    schedules: Schedules
    occurrences: Occurrences
    notices: Notices

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self.connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self._afterwards: list[Callable[[], Awaitable[None]]] = []

    if not TYPE_CHECKING:  # or every misspelt name would pass

        def __getattr__(self, name: str) -> Any:
            """The repository of this name, loaded when it is first asked for: a listing needs few of them."""
            if name not in _REPOSITORIES:
                raise AttributeError(name)
            module, _, kind = _REPOSITORIES[name].partition(":")
            repository = getattr(import_module(module), kind)(self.connection)
            setattr(self, name, repository)
            return repository

    async def now(self) -> datetime:
        """The one clock that all who share the database agree on.

        SQLite has none of its own: all who share a file share a machine.
        """
        if self._now is None:
            if self.connection.dialect.name == "postgresql":
                self._now = (await self.connection.execute(select(func.clock_timestamp()))).scalar_one()
            else:
                self._now = self._clock.now()
        return self._now

    def after_commit(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do this once the transaction is committed, and not at all if it never is."""
        self._afterwards.append(act)

    async def committed(self) -> None:
        """Called by the store alone; an error of an act is logged, for what is committed must not look refused."""
        for act in self._afterwards:
            try:
                await act()
            except Exception:
                log.exception("store.after_commit_broke")


class Store:
    """One database and its transactions; `own` is the engine of statements that must not wait for a connection."""

    def __init__(self, engine: AsyncEngine, clock: Clock, own: AsyncEngine | None = None) -> None:
        self._engine, self._own = engine, own
        # Made once: an engine with options is an engine of its own, and takes as long to make as a short statement.
        is_postgresql = engine.dialect.name == "postgresql"
        one_look = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if is_postgresql else {}
        self._writing = engine.execution_options(muster_write=True)
        self._reading = engine.execution_options(muster_write=False, **one_look)
        self._clock = clock
        # SQLite has one writer; queueing here costs nothing, queueing in SQLite polls.
        self._writers = asyncio.Semaphore(1 if engine.dialect.name == "sqlite" else 1000)

    @property
    def place(self) -> str:
        """Where it is, for people: without the password and the driver."""
        return place_of(self._engine.url)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None with a server, and in memory."""
        name = self._engine.url.database
        return Path(name) if self._engine.dialect.name == "sqlite" and name and name != ":memory:" else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction, committed as a whole; StoreUnavailable where the database cannot be reached."""
        async with self._writers, self._opened(self._writing) as transaction:
            yield transaction
        await transaction.committed()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """One consistent look; never waits for a writer."""
        async with self._opened(self._reading) as transaction:
            yield transaction

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        """Statements of which each is a transaction, on a connection kept for them; with SQLite one transaction."""
        if self._own is None:
            async with self.transaction() as transaction:
                yield transaction
            return
        async with self._opened(self._own) as transaction:
            yield transaction

    @asynccontextmanager
    async def _opened(self, engine: AsyncEngine) -> AsyncIterator[Transaction]:
        own: OSError | None = None
        try:
            async with engine.begin() as connection:
                try:
                    yield Transaction(connection, self._clock)
                except OSError as problem:
                    # Of the work in the transaction, such as a file that cannot be read; what a statement met comes
                    # as StatementFailed. What goes wrong at the begin and the commit is raised beside this block.
                    own = problem
                    raise
        except Exception as problem:
            if problem is own:
                raise
            if is_nul(problem):
                raise RequestRejected("It holds a NUL character, which nothing that is kept here has.") from problem
            if not is_outage(problem):
                raise
            raise unavailable(problem, self._engine.url) from problem


@asynccontextmanager
async def open_store(url: str, clock: Clock, *, pool_size: int = 8) -> AsyncIterator[Store]:
    """The store at `sqlite:///…` or `postgresql://…`; nothing is connected before it is used."""
    async with AsyncExitStack() as opened:
        engine, own = make_engine(url, pool_size=pool_size), None
        opened.push_async_callback(engine.dispose)
        if engine.dialect.name == "postgresql":
            own = make_engine(url, pool_size=1, patience=_SOON)
            opened.push_async_callback(own.dispose)
            own = own.execution_options(isolation_level="AUTOCOMMIT")
        yield Store(engine, clock, own)
