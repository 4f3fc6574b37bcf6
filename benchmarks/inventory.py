"""How fast an inventory is imported, names are matched against it, and one device's history is found."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import text

from benchmarks import parts
from benchmarks.figures import Figure, Section, medians
from benchmarks.intake import REQUEST
from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.device_history import describe_devices
from orchestrator.settings import Settings, load_settings
from orchestrator.usecases.jobs.submit_job import preview_job, submit_job
from tests.support.apps import device_ids

DEVICES = 500_000
NAMES = 100_000
TARGETS = 10_000_000
LOOKED_UP = 200


def measure(folder: Path, rounds: int) -> Section:
    """SQLite in this folder; the import is a command of its own, so that its memory is its own."""
    ids = device_ids(DEVICES)
    chance = Random(5)  # noqa: S311 - the same list every time, nothing secret
    chosen = chance.sample(range(DEVICES), NAMES)
    by_id, by_name = folder / "ids.csv", folder / "names.csv"
    by_id.write_text("\n".join(["managedDeviceId", *(ids[each] for each in chosen), ""]))
    by_name.write_text("\n".join(["Device name", *(_name(each) for each in chosen), ""]))
    given = parts.embedded(folder, "inventory.db")
    seconds, memory = _import(given, _export(folder / "all.csv", ids))
    measured = medians(
        [
            ("list of ids, submitted", partial(_read, given, by_id, is_stored=True)),
            ("list of names, submitted", partial(_read, given, by_name, is_stored=True)),
            ("list of names, matched alone", partial(_read, given, by_name, is_stored=False)),
        ],
        rounds,
    )
    slowest = _history(given)
    return Section(
        "Inventory",
        f"SQLite; {DEVICES:,} devices of seven columns, {NAMES:,} rows a list, median of {rounds}; a device's history\n"
        f"among {TARGETS:,} targets of 100 jobs, the 99th percentile of {LOOKED_UP} devices.",
        (
            Figure(f"import of {DEVICES:,} devices", seconds, "s"),
            Figure("memory of the import at its peak", memory, "MB"),
            *(
                Figure(name, value, "s", "list of ids, submitted" if "names, sub" in name else None)
                for name, value in measured.items()
            ),
            Figure("device show, 99th percentile", slowest * 1000, "ms"),
        ),
    )


def _export(path: Path, ids: list[str]) -> Path:
    """The admin center's export of all devices, as far as an inventory reads it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Device ID", "Device name", "Managed by", "OS", "Last check-in", "Primary user UPN", "Serial number"]
        )
        for number, device in enumerate(ids):
            contact = f"2026-11-{1 + number % 28:02} 09:30:00"
            row = [device, _name(number), "Co-managed", "Windows", contact, f"user{number}@contoso.example"]
            writer.writerow([*row, f"SN{number:09}"])
    return path


def _name(number: int) -> str:
    return f"CONTOSO-{number:06}"


def _import(given: parts.Environment, export: Path) -> tuple[float, float]:
    """Seconds, and megabytes at the peak."""
    tenant = {"MUSTER_TENANT_ID": _TENANT, "MUSTER_CLIENT_ID": _TENANT, "MUSTER_GRAPH_URL": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "orchestrator", "inventory", "import", str(export)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, env={**given, **tenant}, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("the inventory was not imported, so nothing was measured")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def _read(given: parts.Environment, file: Path, *, is_stored: bool) -> float:
    async def read() -> float:
        async with open_app(_settings(given), kind="ask") as app:
            with file.open("rb") as stream:
                begun = time.perf_counter()
                if is_stored:
                    await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                else:
                    await preview_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                return time.perf_counter() - begun

    return asyncio.run(read())


def _history(given: parts.Environment) -> float:
    async def look() -> float:
        async with open_app(_settings(given), kind="ask") as app:
            devices = await _filled(app)
            taken = []
            for device in devices:
                begun = time.perf_counter()
                [found] = await describe_devices(app, REQUEST.tenant, device, allow_several=False)
                taken.append(time.perf_counter() - begun)
                if len(found.calls) < TARGETS // DEVICES:
                    raise RuntimeError("a device's calls are missing, so nothing was measured")
            return sorted(taken)[int(len(taken) * 0.99) - 1]

    return asyncio.run(look())


async def _filled(app: App) -> list[str]:
    """Copies of a stored job until there are so many targets, all of them listed; some devices that were called."""
    async with app.store.transaction() as tx:
        await tx.connection.execute(text("DELETE FROM unlisted_jobs"))
        one = (await tx.connection.execute(text("SELECT * FROM jobs LIMIT 1"))).mappings().one()
        numbers = [*range(1_000, 1_000 + TARGETS // NAMES)]
        copies = [{**one, "number": number, "id": f"job{number}", "status": "finished"} for number in numbers]
        values = ", ".join(f":{name}" for name in one)
        await tx.connection.execute(text(f"INSERT INTO jobs ({', '.join(map(str, one))}) VALUES ({values})"), copies)  # noqa: S608
        for number in numbers:
            job = {"job": number, "step": number % (DEVICES // NAMES), "names": NAMES}
            await tx.connection.execute(text(_COPY), job)
        await tx.connection.execute(text(_LOOKUP))
        found = await tx.connection.execute(text(_SOME), {"some": LOOKED_UP})
        return [*found.scalars()]


def _settings(given: parts.Environment) -> Settings:
    return load_settings(
        {**given, "MUSTER_TENANT_ID": _TENANT, "MUSTER_CLIENT_ID": _TENANT, "MUSTER_GRAPH_URL": "http://127.0.0.1:9"}
    )


_TENANT = "11111111-2222-4333-8444-555555555555"
_COPY = """
INSERT INTO targets (job_number, line, device, status)
SELECT :job, row_number() OVER (), id, 'accepted'
FROM (SELECT id FROM inventory_devices ORDER BY id LIMIT :names OFFSET :step * :names)
"""
_LOOKUP = """
INSERT OR IGNORE INTO target_lookup (key, job_number, line)
SELECT substr(device, -12), job_number, line FROM targets ORDER BY 1
"""
_SOME = "SELECT id FROM inventory_devices ORDER BY random() LIMIT :some"
