"""Everything a use case may reach for; bootstrap builds it, and tests build others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Protocol

from orchestrator.domain.batch import ErrorGroup
from orchestrator.domain.batching import Batching
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import UnknownTenant
from orchestrator.domain.ids import JobNumber, WorkerId
from orchestrator.domain.notice import Channel, Delivery, Notice
from orchestrator.domain.retry import RetryPolicy
from orchestrator.domain.tenant import Tenant
from orchestrator.engine.known_waits import KnownWaits
from orchestrator.engine.ports import Caller
from orchestrator.engine.throttle import Throttle
from orchestrator.queueing.bell import Bell
from orchestrator.store.database import Store
from orchestrator.telemetry.metrics import Metrics


class Permission(StrEnum):
    """What a token says about the one permission that the action needs."""

    GRANTED = "granted"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TokenView:
    """What can be read in a token without judging it; a token that cannot be read leaves all but the first empty."""

    permission: Permission
    kind: str | None = None
    app: str | None = None
    tenant: str | None = None
    audience: str | None = None
    audience_fits: bool = True
    permissions: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WayView:
    """The way that calls go: the root of Graph, and the proxy between, without its password."""

    root: str
    proxy: str | None = None


class Connection(Caller, Protocol):
    """Graph in the name of one tenant."""

    async def check_way(self) -> WayView:
        """Go the way of a call (proxy, TLS, HTTP), to no device; GraphUnreachable says what keeps calls away."""
        ...

    async def issuer_seen(self) -> str | None:
        """Who issued the certificate that is shown for Graph; None where none can be seen."""
        ...

    async def token_view(self) -> TokenView:
        """Sign in and read the token; SignInRefused or SignInUnreachable where there is none."""
        ...


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
    bell: Bell
    policy: RetryPolicy
    batching: Batching
    started_at: datetime
    keep_days: int = 90
    inventory_max_age: timedelta = timedelta(days=7)
    longest_key: timedelta = timedelta(days=365)
    metrics: Metrics = field(default_factory=Metrics)
    waits: KnownWaits = field(default_factory=KnownWaits)
    messenger: Messenger = field(default_factory=Messenger)
    words: dict[tuple[JobNumber, ErrorGroup], str] = field(default_factory=dict)

    def tenant(self, name: str) -> Tenant:
        """The tenant of this name; UnknownTenant says which there are."""
        if name not in self.tenants:
            raise UnknownTenant(name, tuple(self.tenants))
        return self.tenants[name]
