"""The composition root: settings in, a wired App out, everything closed on the way out."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from random import SystemRandom
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator import __version__
from orchestrator.app import App, Messenger
from orchestrator.connections import Connections, Prompt, secret_of
from orchestrator.domain.batching import Batching
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SchemaTooNew, StoreUnavailable
from orchestrator.domain.ids import WorkerId
from orchestrator.domain.lane import Cloud, lane_key
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.tenant import Tenant
from orchestrator.engine.system_clock import SystemClock
from orchestrator.graph.clouds import addresses_of
from orchestrator.queueing.batch_queue import BatchQueue, NoQueue
from orchestrator.settings import Settings, TenantSettings
from orchestrator.store.engine.database import open_store
from orchestrator.store.engine.schema import HEAD, revision, upgrade
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.telemetry.metering import Metering
from orchestrator.telemetry.traces import set_up_traces

if TYPE_CHECKING:
    from orchestrator.domain.notice import Channel, Delivery, Notice
    from orchestrator.graph.secrets import Secret
    from orchestrator.graph.tokens import TokenClaims
    from orchestrator.notify.notifier import Notifier
    from orchestrator.usecases.access.person_sign_in import Provider

_SHOW_METRICS = frozenset({"worker", "clock"})
"""Processes that listen on nothing else; the web process has its figures under /metrics."""


def start_logs(settings: Settings) -> None:
    """Logs as this process was told to write them."""
    from orchestrator.telemetry.logs import set_up_logs  # noqa: PLC0415 - only a service loads it

    set_up_logs(as_json=settings.log_format == "json", level=settings.log_level)


@asynccontextmanager
async def open_app(settings: Settings, *, kind: str, sign_in_prompt: Prompt | None = None) -> AsyncIterator[App]:
    """The application of one process; `kind` is what it calls itself: run, serve, worker, clock or ask.

    An embedded file is made or upgraded here; a team's database is only looked at.
    """
    clock, metering = SystemClock(), Metering()
    async with AsyncExitStack() as opened:
        set_up_traces(os.environ, kind=kind, version=__version__)
        if settings.metrics_address is not None and kind in _SHOW_METRICS:
            opened.enter_context(metering.metrics.shown_at(*settings.metrics_address))
        await _ready_schema(settings)
        store = await opened.enter_async_context(open_store(settings.database_url, clock))
        throttle, queue = RowThrottle(store, clock, SystemRandom()), _batch_queue(opened, settings)
        connections = Connections(settings, throttle, clock, sign_in_prompt)
        if kind in _CALLING:
            load_what_calls()
            connections.prepare()
        opened.push_async_callback(connections.close)
        yield App(
            store=store,
            clock=clock,
            chance=SystemRandom(),
            worker=_worker_id(kind),
            kind=kind,
            version=__version__,
            tenants={name: tenant_of(each) for name, each in settings.tenants.items()},
            usual_tenant=settings.usual_tenant if settings.usual_tenant in settings.tenants else None,
            connect=connections.to,
            read=connections.reads,
            credential_ends=connections.credential_ends,
            throttle=throttle,
            queue=queue,
            policy=RetryPolicy(attempts=settings.attempts),
            batching=Batching(settings.batching),
            started_at=clock.now(),
            keep_days=settings.keep_days,
            inventory_max_age=settings.inventory_max_age,
            longest_key=timedelta(days=settings.key_max_days),
            metering=metering,
            messenger=_messenger(settings, clock),
        )


def load_what_calls() -> None:
    """Load the libraries that call Graph now, and not under the first job."""
    for name in ("client", "msal_issuers", "transport"):
        import_module(f"orchestrator.graph.{name}")


def tenant_of(settings: TenantSettings) -> Tenant:
    """Whom a configured tenant is called as, and which lane that is."""
    root = settings.graph_url or addresses_of(settings.cloud).root
    # A token that was fetched outside of Muster may itself say whose quota its calls count for.
    token = secret_of(settings.access_token, settings.access_token_file)
    claims = _claims_of(token) if token is not None else None
    tenant_id = settings.tenant_id or (claims.tenant_id if claims else None) or "unnamed"
    client_id = settings.client_id or (claims.client_id if claims else None) or "unnamed"
    cloud = settings.cloud.value if settings.graph_url is None else f"{settings.cloud}@{urlsplit(root).netloc}"
    return Tenant(
        name=settings.name,
        cloud=settings.cloud,
        root=root,
        lane=lane_key(cloud, tenant_id, client_id),
        write_limit=settings.write_limit,
        tenant_id=settings.tenant_id,
        client_id=settings.client_id,
        is_foreground_only=settings.device_code,
        inventory_refresh=settings.inventory_refresh,
    )


def _claims_of(token: Secret) -> TokenClaims | None:
    from orchestrator.graph.tokens import read_claims  # noqa: PLC0415 - few tenants have such a token

    return read_claims(token())


def people_of(settings: Settings, clock: Clock) -> Provider | None:
    """The provider through which people sign in; None where none is configured."""
    people = settings.people
    secret = None if people is None else secret_of(people.client_secret, people.client_secret_file)
    if people is None or secret is None:
        return None
    # As with Graph: only a web process that signs people in waits for the library.
    from orchestrator.graph.people import PeopleSignIn  # noqa: PLC0415
    from orchestrator.graph.trust import trust_in  # noqa: PLC0415

    cloud = settings.tenants[settings.usual_tenant].cloud if settings.usual_tenant in settings.tenants else Cloud.GLOBAL
    return PeopleSignIn(
        people.tenant_id,
        people.client_id,
        secret,
        authority=people.authority or addresses_of(cloud).authority,
        back_to=f"{settings.public_url}/sign-in/done",
        trust=trust_in(settings.ca_bundle),
        clock=clock,
    )


def _messenger(settings: Settings, clock: Clock) -> Messenger:
    channels = _channels(settings) if settings.channels else {}

    async def deliver(channel: Channel, notice: Notice) -> Delivery:
        return await _notifier(settings, clock).deliver(channel, notice)

    return Messenger(channels, deliver, settings.public_url)


def _channels(settings: Settings) -> dict[str, Channel]:
    from orchestrator.domain.notice import Channel  # noqa: PLC0415 - most commands send no notice

    return {name: Channel(name, each.kind, each.events, each.is_general) for name, each in settings.channels.items()}


def _notifier(settings: Settings, clock: Clock) -> Notifier:
    # An installation without channels does not load the libraries that notify.
    from orchestrator.graph.trust import trust_in  # noqa: PLC0415
    from orchestrator.notify.email import MailServer  # noqa: PLC0415
    from orchestrator.notify.notifier import Address, Notifier  # noqa: PLC0415

    smtp = settings.smtp
    server = None
    if smtp is not None:
        password = None if smtp.password is None else smtp.password.value
        server = MailServer(smtp.host, smtp.port, smtp.sender, smtp.is_wrapped, smtp.user, password)
    addresses = {
        name: Address(
            None if each.url is None else each.url.value,
            None if each.secret is None else each.secret.value,
            each.recipients,
        )
        for name, each in settings.channels.items()
    }
    trust = trust_in(settings.ca_bundle)
    return Notifier(addresses, server, trust=trust, clock=clock, user_agent=f"muster/{__version__}")


async def _ready_schema(settings: Settings) -> None:
    if settings.broker_url is None:
        await upgrade(settings.database_url)
        return
    there = await revision(settings.database_url)
    if there is None or there < HEAD:
        raise StoreUnavailable("The database lacks the tables of this release. Run `muster db upgrade` once.")
    if there > HEAD:
        raise SchemaTooNew(f"The database has schema {there}; this release knows {HEAD}. Upgrade Muster here.")


def _batch_queue(opened: AsyncExitStack, settings: Settings) -> BatchQueue:
    if settings.broker_url is None:
        return NoQueue()
    # Celery and Redis are loaded only where they are used: a laptop's `run` does not wait for them.
    from orchestrator.queueing.celery_queue import CeleryQueue  # noqa: PLC0415

    queue = CeleryQueue(settings.broker_url, route_by=settings.queue_per)
    opened.callback(queue.close)
    return queue


def _worker_id(kind: str) -> WorkerId:
    return WorkerId(f"{kind}@{platform.node() or 'here'}:{os.getpid()}:{secrets.token_hex(4)}")


_CALLING = frozenset({"worker", "serve"})
