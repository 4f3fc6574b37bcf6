"""The composition root: settings in, a wired App out, everything closed on the way out."""

from __future__ import annotations

import os
import platform
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator import __version__
from orchestrator.app import App, Connection, Messenger, Reads
from orchestrator.domain.batching import Batching
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SchemaTooNew, SettingsInvalid, SignInRefused, StoreUnavailable
from orchestrator.domain.ids import LaneKey, WorkerId
from orchestrator.domain.lane import Cloud, lane_key
from orchestrator.domain.notice import Channel, Delivery, Notice
from orchestrator.domain.retry import RetryPolicy
from orchestrator.domain.secret import SecretText
from orchestrator.domain.tenant import Tenant
from orchestrator.engine.system_clock import SystemClock
from orchestrator.graph import tokens
from orchestrator.graph.clouds import addresses_of
from orchestrator.graph.credentials import (
    AccessToken,
    ClientCertificate,
    ClientSecret,
    Credential,
    DeviceCode,
    ManagedIdentity,
    Secret,
    fixed,
    kept_in,
)
from orchestrator.queueing.batch_queue import BatchQueue, NoQueue
from orchestrator.settings import Settings, TenantSettings
from orchestrator.store.engine.database import open_store
from orchestrator.store.engine.schema import HEAD, revision, upgrade
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.telemetry.metering import Metering
from orchestrator.telemetry.traces import set_up_traces
from orchestrator.throttle.protocol import Throttle

if TYPE_CHECKING:
    from orchestrator.domain.attention import CredentialFacts
    from orchestrator.graph.auth import SignIn
    from orchestrator.graph.certificates import KeyFiles
    from orchestrator.graph.sign_in_threads import SignInThreads
    from orchestrator.graph.transport import Http
    from orchestrator.notify.notifier import Notifier
    from orchestrator.usecases.access.person_sign_in import Provider

Prompt = Callable[[str], None]

_SHOW_METRICS = frozenset({"worker", "clock"})
"""Processes that listen on nothing else; the web process has its figures under /metrics."""


def start_logs(settings: Settings) -> None:
    """Logs as this process was told to write them."""
    from orchestrator.telemetry.logs import set_up_logs  # noqa: PLC0415 - as with whatever only a service loads

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
        connections = Connections(settings, throttle, clock, sign_in_prompt, metering)
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
    # A token that somebody else fetched may itself say whose quota its calls count for.
    token = _secret(settings.access_token, settings.access_token_file)
    claims = tokens.read_claims(token()) if token is not None else None
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


def people_of(settings: Settings, clock: Clock) -> Provider | None:
    """Through whom people sign in, None where nobody was named."""
    people = settings.people
    secret = None if people is None else _secret(people.client_secret, people.client_secret_file)
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


class Connections:
    """One connection a tenant for the life of the process, over one pool, made when it is first needed."""

    def __init__(
        self, settings: Settings, throttle: Throttle, clock: Clock, prompt: Prompt | None, metering: Metering
    ) -> None:
        self._settings, self._throttle, self._clock = settings, throttle, clock
        self._prompt, self._metering = prompt, metering
        self._threads: SignInThreads | None = None
        self._key_files: KeyFiles | None = None
        self._trust: ssl.SSLContext | None = None
        self._http: Http | None = None
        self._made: dict[str, Connection] = {}
        self._reads: dict[str, Reads] = {}
        self._sign_ins: dict[str, SignIn] = {}

    async def to(self, tenant: Tenant) -> Connection:
        """The connection of a tenant."""
        if tenant.name not in self._made:
            self._made[tenant.name] = self._make(tenant)
        return self._made[tenant.name]

    async def reads(self, tenant: Tenant) -> Reads:
        """The read side of a tenant, with the token and the connections of its calls."""
        if tenant.name not in self._reads:
            from orchestrator.engine.read_pace import ReadPace  # noqa: PLC0415
            from orchestrator.graph.export_jobs import EXPORT_LIMIT, ExportJobs  # noqa: PLC0415
            from orchestrator.graph.reads import READ_LIMIT, GraphReader  # noqa: PLC0415

            sign_in, http = self._sign_in(tenant)
            agent, clock, chance = f"muster/{__version__}", self._clock, SystemRandom()
            reads = ReadPace(self._throttle, LaneKey(f"reads/{tenant.lane}"), READ_LIMIT, clock)
            exports = ReadPace(self._throttle, LaneKey(f"exports/{tenant.lane}"), EXPORT_LIMIT, clock)
            reader = GraphReader(http, sign_in, tenant.root, agent, clock=clock, chance=chance, pace=reads)
            self._reads[tenant.name] = Reads(reader, ExportJobs(reader, http, clock, pace=exports))
        return self._reads[tenant.name]

    def prepare(self) -> None:
        """Read now what every connection needs; SettingsInvalid where a service would wait for ever otherwise."""
        from orchestrator.graph.proxies import proxy_for  # noqa: PLC0415
        from orchestrator.graph.trust import trust_in  # noqa: PLC0415

        self._trust = self._trust or trust_in(self._settings.ca_bundle)
        for each in self._settings.tenants.values():
            proxy_for(each.graph_url or addresses_of(each.cloud).root)

    def credential_ends(self) -> list[CredentialFacts]:
        """When the certificates of the tenants end, and the secrets of which the settings say so."""
        from orchestrator.domain.attention import CredentialFacts  # noqa: PLC0415 - only who looks for attention

        found = []
        for each in self._settings.tenants.values():
            if each.client_certificate is not None:
                from orchestrator.graph.certificates import KeyFiles  # noqa: PLC0415

                self._key_files = self._key_files or KeyFiles()
                password = _secret(each.client_certificate_password, each.client_certificate_password_file)
                # A fault of the file is reported where it is used to sign in.
                with suppress(SignInRefused, SettingsInvalid):
                    pair = self._key_files.read(each.client_certificate, password() if password is not None else None)
                    found.append(CredentialFacts(each.name, "certificate", pair.certificate.not_valid_after_utc))
            elif each.client_secret_expires is not None and (each.client_secret or each.client_secret_file):
                ends_at = datetime.combine(each.client_secret_expires, time(), UTC)
                found.append(CredentialFacts(each.name, "client secret", ends_at))
        return found

    async def close(self) -> None:
        """Closes the connections of the pool."""
        if self._http is not None:
            await self._http.aclose()

    def _make(self, tenant: Tenant) -> Connection:
        # A command that only reads does not load the libraries that call Graph.
        from orchestrator.engine.measured_connection import MeasuredConnection  # noqa: PLC0415
        from orchestrator.engine.tenant_connection import TenantConnection  # noqa: PLC0415
        from orchestrator.graph.client import GraphClient  # noqa: PLC0415

        sign_in, http = self._sign_in(tenant)
        client = GraphClient(http, sign_in, tenant.root, f"muster/{__version__}", self._clock)
        root = addresses_of(tenant.cloud).root
        connection = TenantConnection(client, sign_in, root, tenant.tenant_id)
        return MeasuredConnection(connection, self._clock, self._metering.metrics)

    def _sign_in(self, tenant: Tenant) -> tuple[SignIn, Http]:
        """The one sign-in of a tenant, and the pool of connections that all tenants share."""
        from orchestrator.graph.auth import sign_in_with  # noqa: PLC0415
        from orchestrator.graph.certificates import KeyFiles  # noqa: PLC0415
        from orchestrator.graph.sign_in_threads import SignInThreads  # noqa: PLC0415
        from orchestrator.graph.transport import open_http  # noqa: PLC0415
        from orchestrator.graph.trust import trust_in  # noqa: PLC0415

        settings = self._settings.tenants[tenant.name]
        if self._trust is None:
            # Once for all tenants: reading the system's certificates takes longer than a hundred calls.
            self._trust = trust_in(self._settings.ca_bundle)
        if self._http is None:
            self._http = open_http(self._trust)
        if tenant.name in self._sign_ins:
            return self._sign_ins[tenant.name], self._http
        self._threads = self._threads or SignInThreads()
        self._key_files = self._key_files or KeyFiles()
        credential = _credential(settings, self._prompt)
        if isinstance(credential, ClientCertificate):
            _refuse_unusable(credential, self._key_files)
        sign_in = self._sign_ins[tenant.name] = sign_in_with(
            credential,
            addresses=addresses_of(tenant.cloud),
            tenant_id=tenant.tenant_id or "",
            client_id=tenant.client_id or "",
            trust=self._trust,
            clock=self._clock,
            authority=settings.authority,
            run=self._threads.run,
            key_files=self._key_files,
        )
        return sign_in, self._http


def _messenger(settings: Settings, clock: Clock) -> Messenger:
    channels = {
        name: Channel(name, each.kind, each.events, each.is_general) for name, each in settings.channels.items()
    }

    async def deliver(channel: Channel, notice: Notice) -> Delivery:
        return await _notifier(settings, clock).deliver(channel, notice)

    return Messenger(channels, deliver, settings.public_url)


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


def _credential(settings: TenantSettings, prompt: Prompt | None) -> Credential:
    token = _secret(settings.access_token, settings.access_token_file)
    if token is not None:
        return AccessToken(token)
    client_secret = _secret(settings.client_secret, settings.client_secret_file)
    if client_secret is not None:
        return ClientSecret(client_secret)
    if settings.client_certificate is not None:
        password = _secret(settings.client_certificate_password, settings.client_certificate_password_file)
        return ClientCertificate(settings.client_certificate, password)
    if settings.managed_identity:
        return ManagedIdentity(settings.managed_identity if isinstance(settings.managed_identity, str) else None)
    if settings.device_code:
        if prompt is None:
            raise SettingsInvalid(
                "The device code is for the foreground of `muster run` and `muster tenant check` only: a standing "
                "service needs a client secret, a certificate or a managed identity."
            )
        return DeviceCode(prompt)
    raise SettingsInvalid(
        f"Tenant {settings.name!r} has no way to sign in. Set one of MUSTER_CLIENT_SECRET, MUSTER_CLIENT_CERTIFICATE, "
        "MUSTER_MANAGED_IDENTITY, MUSTER_DEVICE_CODE or MUSTER_ACCESS_TOKEN."
    )


def _refuse_unusable(credential: ClientCertificate, key_files: KeyFiles) -> None:
    """SettingsInvalid for a certificate that cannot sign anything, before anybody is asked."""
    try:
        key_files.read(credential.path, credential.password() if credential.password is not None else None)
    except SignInRefused as problem:
        raise SettingsInvalid(str(problem)) from problem


def _secret(given: SecretText | None, file: Path | None) -> Secret | None:
    if file is not None:
        return kept_in(file)
    return fixed(given.value) if given is not None else None


def _worker_id(kind: str) -> WorkerId:
    return WorkerId(f"{kind}@{platform.node() or 'here'}:{os.getpid()}:{secrets.token_hex(4)}")


_CALLING = frozenset({"worker", "serve"})
