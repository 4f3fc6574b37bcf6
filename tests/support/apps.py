"""A wired App of real parts, with the simulator as Graph."""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from orchestrator.app import App, Connection, Reads
from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.batching import Batching
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import JobId, LaneKey, WorkerId
from orchestrator.domain.job import Job, JobStatus, Tally, shown_status
from orchestrator.domain.lane import Cloud, WriteLimit
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetFacts
from orchestrator.domain.tenant import Tenant
from orchestrator.engine.driver import drive_job
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.system_clock import SystemClock
from orchestrator.engine.tenant_connection import TenantConnection
from orchestrator.graph.auth import sign_in_with
from orchestrator.graph.client import GraphClient
from orchestrator.graph.clouds import addresses_of
from orchestrator.graph.credentials import AccessToken
from orchestrator.graph.export_jobs import ExportJobs
from orchestrator.graph.reads import GraphReader
from orchestrator.graph.secrets import fixed
from orchestrator.graph.transport import Http, open_http
from orchestrator.graph.trust import trust_in
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.list_targets import list_targets
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from orchestrator.usecases.jobs.write_report import report_text
from tests.support.actors import SOMEBODY
from tests.support.waiting import PATIENCE


@asynccontextmanager
async def an_app(
    database_url: str,
    graph_url: str,
    *,
    limit: WriteLimit | None = None,
    batching: Batching = Batching.OFF,
    policy: RetryPolicy | None = None,
    attempts: int = 6,
    token: str = "opaque",
    clock: Clock | None = None,
    kind: str = "run",
) -> AsyncIterator[App]:
    """An application of one tenant, `default`, whose lane is paced by the database."""
    clock = clock or SystemClock()
    tenant = Tenant("default", Cloud.GLOBAL, graph_url, LaneKey("global/contoso/app"), limit)
    async with open_store(database_url, clock) as store, open_http(trust_in(None)) as http:
        yield App(
            store=store,
            clock=clock,
            chance=Random(7),
            worker=WorkerId(f"{kind}@test:{secrets.token_hex(4)}"),
            kind=kind,
            version="0",
            tenants={"default": tenant},
            connect=_connect(http, graph_url, token, clock),
            throttle=RowThrottle(store, clock, Random(7)),
            queue=NoQueue(),
            policy=policy or RetryPolicy(attempts=attempts, base=0.05),
            batching=batching,
            started_at=clock.now(),
            read=_read(http, graph_url, token, clock),
        )


def _read(http: Http, graph_url: str, token: str, clock: Clock) -> Callable[[Tenant], Awaitable[Reads]]:
    async def read(tenant: Tenant) -> Reads:
        return reads_over(http, graph_url, clock, token=token, cloud=tenant.cloud)

    return read


def reads_over(
    http: Http, graph_url: str, clock: Clock, *, token: str = "opaque", cloud: Cloud = Cloud.GLOBAL
) -> Reads:
    """The read side of a Graph at this address."""
    sign_in = sign_in_with(
        AccessToken(fixed(token)),
        addresses=addresses_of(cloud),
        tenant_id="",
        client_id="",
        trust=trust_in(None),
        clock=clock,
    )
    reader = GraphReader(http, sign_in, graph_url, "muster/test", clock=clock, chance=Random(7), pace=_at_once)
    return Reads(reader, ExportJobs(reader, http, clock, pace=_at_once))


async def _at_once() -> None:
    """No pace: the waits of reads are proved apart."""


def _connect(http: Http, graph_url: str, token: str, clock: Clock) -> Callable[[Tenant], Awaitable[Connection]]:
    async def connect(tenant: Tenant) -> Connection:
        addresses = addresses_of(tenant.cloud)
        sign_in = sign_in_with(
            AccessToken(fixed(token)),
            addresses=addresses,
            tenant_id="",
            client_id="",
            trust=trust_in(None),
            clock=clock,
        )
        client = GraphClient(http, sign_in, graph_url, "muster/test", clock)
        return TenantConnection(client, sign_in, addresses.root, "11111111-1111-4111-8111-111111111111")

    return connect


async def submitted(
    app: App,
    devices: int | bytes = 20,
    *,
    action: Action = Action.REFRESH_USER_POLICY,
    idempotency_key: str | None = None,
    skip_invalid: bool = False,
    by: Actor = SOMEBODY,
    brake: BrakeOptions | None = None,
    canary: int = 0,
    name: str | None = None,
) -> Job:
    """A job of so many devices, or of this device list."""
    return await submit_job(
        app,
        JobRequest(
            action=action,
            tenant="default",
            by=by,
            idempotency_key=idempotency_key,
            brake=brake or BrakeOptions(),
            canary=canary,
            name=name,
        ),
        io.BytesIO(devices_csv(devices) if isinstance(devices, int) else devices),
        file_name="devices.csv",
        options=IntakeOptions(skip_invalid=skip_invalid),
    )


async def driven(app: App, job: Job) -> JobView:
    """The job after this app has worked on it until it rests."""
    async with asyncio.timeout(PATIENCE):
        await drive_job(app, StopSignal(), job)
    return await describe_job(app, job.id)


async def until_at_rest(app: App, job: JobId) -> JobView:
    """The job once it is at rest and no call of it is on its way; the database is asked, as no event tells."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, tally = await standing(app.store, job)
            if status.is_at_rest and not tally.sending:
                return await describe_job(app, job)
            await asyncio.sleep(0.1)


async def standing(store: Store, job: JobId) -> tuple[JobStatus, Tally]:
    """The shown status of the job and its counts, which add up; a description takes five times as many statements."""
    async with store.reading() as tx:
        found = await tx.jobs.find(job)
        tally = (await tx.jobs.tallies([found.number]))[found.number]
    assert tally.total == tally.waiting + tally.sending + tally.settled
    return shown_status(found.status, tally), tally


async def targets_of(app: App, job: Job) -> list[TargetFacts]:
    """All that is known of every target."""
    return await list_targets(app, job.id, limit=1_000_000)


async def report_of(app: App, job: Job) -> list[dict[str, str]]:
    """The rows of the report."""
    text = "".join([piece async for piece in report_text(app, job.id)])
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def devices_csv(count: int, *, header: str = "Device ID", seed: int = 1) -> bytes:
    """A device list of so many devices, the same for the same seed."""
    return "\n".join([header, *device_ids(count, seed=seed)]).encode()


def device_ids(count: int, *, seed: int = 1) -> list[str]:
    """GUIDs, the same for the same seed."""
    chance = Random(seed)
    text = [f"{chance.getrandbits(128):032x}" for _ in range(count)]
    return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in text]
