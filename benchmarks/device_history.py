"""How long one device's history takes among very many targets, and what the lookup costs where jobs are stored."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from sqlalchemy import text

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section, medians
from benchmarks.intake import REQUEST
from benchmarks.inventory import TENANT, export, import_devices, settings_of
from benchmarks.web import client_of, service, times
from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.device_history import describe_devices, extend_lookup
from orchestrator.usecases.jobs.submit_job import submit_job
from tests.support.apps import device_ids

TARGETS, STORED = 1_000_000, 100_000
FULL = (10_000_000, 1_000_000)
DEVICES = 100_000
LOOKED_UP = 200


def measure(folder: Path, rounds: int, size: tuple[int, int] = (TARGETS, STORED)) -> Section:
    """SQLite in this folder; jobs are copies of one, since only their number counts."""
    targets, stored = size
    stores = medians(
        [
            (_ALONE, partial(_stored, folder, stored, beside=False)),
            (_BESIDE, partial(_stored, folder, stored, beside=True)),
        ],
        rounds,
    )
    given = parts.embedded(folder, "history.db")
    import_devices(given, export(folder / "all.csv", device_ids(DEVICES)))
    asyncio.run(_fill(given, targets))
    slowest, busiest = asyncio.run(_looked_up(given, targets))
    middle, answered = _answered(given, folder)
    return Section(
        "Device history",
        f"SQLite; {DEVICES:,} devices, {targets:,} targets in jobs of {DEVICES:,}; the 99th percentile of {LOOKED_UP} "
        f"devices.\nStored: a list of {stored:,} ids, median of {rounds}; beside it a driver fills the lookup as it "
        "always does.",
        (
            Figure("device show: the question itself, 99th percentile", slowest, "ms"),
            Figure("device show: its processor time, 99th percentile", busiest, "ms"),
            Figure("device show: GET /api/devices/ID, median", middle, "ms"),
            Figure("device show: GET /api/devices/ID, 99th percentile", answered, "ms"),
            Figure(_ALONE, stored / stores[_ALONE], "rows/s"),
            Figure(_BESIDE, stored / stores[_BESIDE], "rows/s", _ALONE),
        ),
    )


def _stored(folder: Path, rows: int, *, beside: bool) -> float:
    """Seconds to store a list while the targets of an earlier one are listed, or not."""
    given = parts.embedded(folder, f"stored{time.monotonic_ns()}.db")
    file = folder / f"stored{rows}.csv"
    if not file.exists():
        device_lists.narrow(file, rows)

    async def store() -> float:
        async with open_app(settings_of(given), kind="ask") as app:
            if beside:
                with file.open("rb") as stream:
                    await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
            async with _listing(app, is_on=beside):
                with file.open("rb") as stream:
                    begun = time.perf_counter()
                    await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                    return time.perf_counter() - begun

    return asyncio.run(store())


@asynccontextmanager
async def _listing(app: App, *, is_on: bool) -> AsyncIterator[None]:
    """The lookup is filled at the intervals of a driver."""

    async def fill() -> None:
        while is_on:
            await extend_lookup(app)
            await asyncio.sleep(_SWEEP)

    filling = asyncio.create_task(fill())
    try:
        yield
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


async def _fill(given: parts.Environment, targets: int) -> None:
    """Copies of a stored job until there are so many targets, all of them listed."""
    async with open_app(settings_of(given), kind="ask") as app:
        one_device = io.BytesIO(f"managedDeviceId\n{device_ids(1)[0]}\n".encode())
        await submit_job(app, REQUEST, one_device, file_name="one.csv", options=IntakeOptions())
        async with app.store.transaction() as tx:
            await tx.connection.execute(text("DELETE FROM unlisted_jobs"))
            one = (await tx.connection.execute(text("SELECT * FROM jobs LIMIT 1"))).mappings().one()
            numbers = [*range(1_000, 1_000 + targets // DEVICES)]
            copies = [{**one, "number": number, "id": f"job{number}", "status": "finished"} for number in numbers]
            values = ", ".join(f":{name}" for name in one)
            added = text(f"INSERT INTO jobs ({', '.join(map(str, one))}) VALUES ({values})")  # noqa: S608
            await tx.connection.execute(added, copies)
            await tx.connection.execute(text(_DEVICES))
            for number in numbers:
                await tx.connection.execute(text(_COPY), {"job": number})
            await tx.connection.execute(text(_LOOKUP), {"first": numbers[0]})


async def _looked_up(given: parts.Environment, targets: int) -> tuple[float, float]:
    """Milliseconds, and those of the processor: on a machine that others use, the first are theirs as well."""
    async with open_app(settings_of(given), kind="ask") as app:
        taken, busy = [], []
        for device in _some():
            begun, worked = time.perf_counter(), time.process_time()
            [found] = await describe_devices(app, REQUEST.tenant, device, allow_several=False)
            taken.append((time.perf_counter() - begun) * 1000)
            busy.append((time.process_time() - worked) * 1000)
            if len(found.calls) < targets // DEVICES:
                raise RuntimeError("a device's calls are missing, so nothing was measured")
    return sorted(taken)[len(taken) * 99 // 100], sorted(busy)[len(busy) * 99 // 100]


def _answered(given: parts.Environment, folder: Path) -> tuple[float, float]:
    """The same from a service, to one client: the median and the 99th percentile."""
    ours, devices = {**given, **TENANT}, cycle(_some())
    key = json.loads(parts.muster(ours, "key", "create", "--role", "viewer", "-o", "json", cwd=folder))["key"]
    with service(ours, folder) as (_, url), client_of(url, key) as client:
        return times(lambda: client.get(f"/api/devices/{next(devices)}").raise_for_status(), LOOKED_UP)


def _some() -> list[str]:
    return device_ids(DEVICES)[:: DEVICES // LOOKED_UP]


_SWEEP = 2.0
_ALONE = "a list stored, the lookup not filled"
_BESIDE = "a list stored while the lookup is filled"
_DEVICES = """
CREATE TEMP TABLE one_job AS SELECT row_number() OVER () AS line, id AS device FROM inventory_devices ORDER BY id
"""
_COPY = """
INSERT INTO targets (job_number, line, device, status) SELECT :job, line, device, 'accepted' FROM one_job ORDER BY line
"""
# Every job has the same devices in the same lines, so a hundred thousand keys are sorted and not ten million.
_LOOKUP = """
WITH keys AS MATERIALIZED (SELECT substr(device, -12) AS key, line FROM one_job ORDER BY 1)
INSERT OR IGNORE INTO target_lookup (key, job_number, line)
SELECT keys.key, jobs.number, keys.line FROM keys CROSS JOIN jobs WHERE jobs.number >= :first
"""
