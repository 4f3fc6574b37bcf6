"""Everything a use case may reach for; bootstrap builds it, and tests build others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from orchestrator.domain.batching import Batching
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import GraphUnreachable, UnknownTenant
from orchestrator.domain.ids import BatchKey, JobNumber, WorkerId
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.tenant import Tenant
from orchestrator.domain.waiting import KnownWaits, Say, say_nothing
from orchestrator.queueing.batch_queue import BatchQueue
from orchestrator.store.engine.database import Store
from orchestrator.telemetry.metering import Metering

if TYPE_CHECKING:
    from orchestrator.domain.attention import CredentialFacts
    from orchestrator.domain.caller import Caller
    from orchestrator.domain.error_groups import ErrorGroup
    from orchestrator.domain.notice import Channel, Delivery, Notice
    from orchestrator.domain.sign_in_facts import TokenView, WayView
    from orchestrator.domain.target import TargetFacts
    from orchestrator.telemetry.metrics import Metrics
    from orchestrator.throttle.protocol import Throttle


class Connection(Protocol):
    """Graph in the name of one tenant."""

    @property
    def caller(self) -> Caller:
        """Returns the client that makes the calls of this tenant."""
        ...

    async def check_way(self) -> WayView:
        """Go the way of a call (proxy, TLS, HTTP), to no device; GraphUnreachable says what keeps calls away."""
        ...

    async def issuer_seen(self) -> str | None:
        """Who issued the certificate that is shown for Graph; None where none can be seen."""
        ...

    async def token_view(self) -> TokenView:
        """Sign in and read the token; SignInRefused or SignInUnreachable where there is none."""
        ...


class Reader(Protocol):
    """Reads of Graph as one tenant; SignInRefused, SignInUnreachable, ReadRefused, ReadFailed, GraphUnreachable."""

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, say: Say = say_nothing) -> Any:
        """The JSON value at a path below the root of Graph; `say` takes a sentence for each pause."""
        ...

    def pages(
        self, path: str, *, headers: Mapping[str, str] | None = None, say: Say = say_nothing
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The pages of a collection, each an object with a list called `value`; `say` as above."""
        ...


class Reports(Protocol):
    """Reports of Intune, exported as one tenant."""

    async def fetch(self, report: str, columns: Sequence[str], into: BinaryIO, *, most: int) -> None:
        """Write the report's zip file, of at most `most` bytes, into a file; the errors of `Reader`."""
        ...


@dataclass(frozen=True, slots=True)
class Reads:
    """The read side of Graph as one tenant."""

    reader: Reader
    reports: Reports


async def _no_reads(tenant: Tenant) -> Reads:
    raise GraphUnreachable(f"This process reads nothing from Graph for tenant {tenant.name!r}.")


@dataclass(frozen=True, slots=True)
class Messenger:
    """The channels that there are, how a notice gets there, and the address that it links to."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    deliver: Callable[[Channel, Notice], Awaitable[Delivery]] | None = None
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class App:
    """The parts that make the whole."""

    store: Store
    clock: Clock
    chance: Random
    worker: WorkerId
    kind: str
    version: str
    tenants: Mapping[str, Tenant]
    connect: Callable[[Tenant], Awaitable[Connection]]
    throttle: Throttle
    queue: BatchQueue
    policy: RetryPolicy
    batching: Batching
    started_at: datetime
    usual_tenant: str | None = None
    keep_days: int = 90
    inventory_max_age: timedelta = timedelta(days=7)
    longest_key: timedelta = timedelta(days=365)
    metering: Metering = field(default_factory=Metering)
    waits: KnownWaits = field(default_factory=KnownWaits)
    messenger: Messenger = field(default_factory=Messenger)
    read: Callable[[Tenant], Awaitable[Reads]] = _no_reads
    examples: dict[tuple[JobNumber, ErrorGroup], TargetFacts] = field(default_factory=dict)
    comparisons: dict[tuple[JobNumber, JobNumber], Any] = field(default_factory=dict)
    """The differences between two runs that have ended (usecases/jobs/compare_runs.py): it never changes again."""
    credential_ends: Callable[[], Sequence[CredentialFacts]] = tuple
    leases: list[Callable[[], Mapping[BatchKey, int]]] = field(default_factory=list)
    """The batches that each driver of this process holds, with their fencing tokens."""

    @property
    def metrics(self) -> Metrics:
        """The counters of this process."""
        return self.metering.metrics

    def tenant(self, name: str) -> Tenant:
        """The tenant of this name; UnknownTenant says which there are."""
        if name not in self.tenants:
            raise UnknownTenant(name, tuple(self.tenants))
        return self.tenants[name]
