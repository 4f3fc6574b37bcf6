"""A thousand tenants, each with a limit of its own, and one worker for all of them."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from random import Random
from statistics import mean

from benchmarks import parts
from benchmarks.figures import Figure, Section
from benchmarks.memory import watched
from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.job import Job
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import load_settings
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from tests.support.apps import devices_csv

_MEGABYTE = 1024 * 1024
TENANTS = 1_000
DEVICES = 2_500
SETTLING = 25.0
MEASURED = 60.0
"""Seconds in which the lanes find their pace, and in which they are then counted: some 25 envelopes of each."""

GRAPH_LIMIT = "200/20s"
BEYOND = "600/20s"
"""Of a thousand lanes together more than a worker serves on any machine that was seen."""


def measure(folder: Path, _rounds: int) -> Section:
    """How much one worker serves, and how evenly: where it could keep up with all lanes, and where it cannot."""
    with parts.simulator("--write-limit", "none", "--counts-only") as graph, parts.team(folder) as shared:
        settings = folder / "tenants.toml"
        settings.write_text("\n".join(_tenant(number) for number in range(TENANTS)), encoding="utf-8")
        given = {name: value for name, value in shared.items() if name != "MUSTER_ACCESS_TOKEN"}
        given |= {"MUSTER_CONFIG": str(settings), "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": GRAPH_LIMIT}
        jobs = asyncio.run(_submitted(given))
        with parts.workers(1, given, folder) as (pid,), watched(pid) as highest:
            rates = asyncio.run(_rates(given, jobs))
        given |= {"MUSTER_WRITE_LIMIT": BEYOND}
        with parts.workers(1, given, folder):
            beyond = asyncio.run(_rates(given, jobs))
    return Section(
        "A thousand tenants",
        f"{TENANTS:,} lanes of 200 calls in 20 s each, a job in every one, one worker; {MEASURED:.0f} s of its work,\n"
        "by the counts of the jobs. In envelopes their limits together would allow 8,850 a second, with thrice as\n"
        "much each 26,550; the simulator and the servers share this machine's processors.",
        (
            *_figures(rates, ""),
            Figure("memory of the worker, a batch of every lane in it", highest.seen / _MEGABYTE, "MiB"),
            *_figures(beyond, f", limits of {BEYOND}"),
        ),
    )


def _figures(rates: list[float], where: str) -> tuple[Figure, ...]:
    even = f"a lane, on average{where}"
    return (
        Figure(f"all lanes{where}", sum(rates), "devices/s"),
        Figure(even, mean(rates), "devices/s"),
        Figure(f"the slowest lane{where}", min(rates), "devices/s", even),
        Figure(f"the fastest lane{where}", max(rates), "devices/s", even),
    )


def _tenant(number: int) -> str:
    return (
        f'[tenants.t{number:04d}]\ntenant_id = "{number:08d}-0000-4000-8000-000000000000"\n'
        'client_id = "00000000-0000-4000-8000-0000000000aa"\naccess_token = "simulated"\n'
    )


async def _submitted(given: parts.Environment) -> list[Job]:
    async with open_app(load_settings(given), kind="ask") as app:
        return [await _submit(app, f"t{number:04d}", number) for number in range(TENANTS)]


async def _submit(app: App, tenant: str, seed: int) -> Job:
    request = JobRequest(
        action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant=tenant, by=Actor("benchmark", "here")
    )
    stream = io.BytesIO(devices_csv(DEVICES, seed=Random(seed).getrandbits(60)))  # noqa: S311 - nothing secret
    return await submit_job(app, request, stream, file_name="lane.csv", options=IntakeOptions())


async def _rates(given: parts.Environment, jobs: list[Job]) -> list[float]:
    async with open_app(load_settings(given), kind="ask") as app:
        await asyncio.sleep(SETTLING)
        before, begun = await _accepted(app, jobs), time.monotonic()
        await asyncio.sleep(MEASURED)
        after, ended = await _accepted(app, jobs), time.monotonic()
    return [(later - sooner) / (ended - begun) for sooner, later in zip(before, after, strict=True)]


async def _accepted(app: App, jobs: list[Job]) -> list[int]:
    async with app.store.reading() as tx:
        tallies = await tx.jobs.tallies([job.number for job in jobs])
    return [tallies[job.number].accepted for job in jobs]
