"""How fast an inventory is imported, and names are matched against it."""

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

from benchmarks import parts
from benchmarks.figures import Figure, Section, medians
from benchmarks.intake import REQUEST
from orchestrator.bootstrap import open_app
from orchestrator.engine.garbage_collection import tune_garbage_collection
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import Settings, load_settings
from orchestrator.usecases.jobs.submit_job import preview_job, submit_job
from tests.support.apps import device_ids

DEVICES, NAMES = 100_000, 20_000
FULL = (500_000, 100_000)


def measure(folder: Path, rounds: int, size: tuple[int, int] = (DEVICES, NAMES)) -> Section:
    """SQLite in this folder; the import is a command of its own, so that its memory is its own."""
    devices, names = size
    ids = device_ids(devices)
    chance = Random(5)  # noqa: S311 - the same list every time, nothing secret
    chosen = chance.sample(range(devices), names)
    by_id, by_name = folder / "ids.csv", folder / "names.csv"
    by_id.write_text("\n".join(["managedDeviceId", *(ids[each] for each in chosen), ""]))
    by_name.write_text("\n".join(["Device name", *(name_of(each) for each in chosen), ""]))
    given = parts.embedded(folder, "inventory.db")
    # Compiled before, as where somebody uses Muster: without it the command would compile its modules first.
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    import_devices({**parts.embedded(folder, "few.db"), **compiled}, export(folder / "few.csv", ids[:10]))
    seconds, memory = import_devices({**given, **compiled}, export(folder / "all.csv", ids))
    measured = medians(
        [
            (_SUBMITTED, partial(_read, given, by_id, is_stored=True)),
            ("list of names, submitted", partial(_read, given, by_name, is_stored=True)),
            ("list of names, matched alone", partial(_read, given, by_name, is_stored=False)),
        ],
        rounds,
    )
    beside = {"list of names, submitted": _SUBMITTED}
    return Section(
        "Inventory",
        f"SQLite; {devices:,} devices of seven columns, {names:,} rows a list, median of {rounds}.\n"
        "Seconds of processor time, so that others on the machine count for less.",
        (
            Figure(f"import of {devices:,} devices", seconds, "s"),
            Figure("memory of the import at its peak", memory, "MB"),
            *(Figure(name, value, "s", beside.get(name)) for name, value in measured.items()),
        ),
    )


def export(path: Path, ids: list[str]) -> Path:
    """The admin center's export of all devices, as far as an inventory reads it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Device ID", "Device name", "Managed by", "OS", "Last check-in", "Primary user UPN", "Serial number"]
        )
        for number, device in enumerate(ids):
            contact = f"2026-11-{1 + number % 28:02} 09:30:00"
            row = [device, name_of(number), "Co-managed", "Windows", contact, f"user{number}@contoso.example"]
            writer.writerow([*row, f"SN{number:09}"])
    return path


def name_of(number: int) -> str:
    """The name of a device of the export."""
    return f"CONTOSO-{number:06}"


def import_devices(given: parts.Environment, file: Path) -> tuple[float, float]:
    """Import an export by the command; seconds of processor time, and megabytes at the peak."""
    command = [sys.executable, "-m", "orchestrator", "inventory", "import", str(file)]
    process = subprocess.Popen(command, env={**given, **TENANT}, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("the inventory was not imported, so nothing was measured")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _read(given: parts.Environment, file: Path, *, is_stored: bool) -> float:
    # As in a service: the collector at Python's own pace took half of what matching takes.
    tune_garbage_collection()

    async def read() -> float:
        async with open_app(settings_of(given), kind="ask") as app:
            with file.open("rb") as stream:
                begun = time.process_time()
                if is_stored:
                    await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                else:
                    await preview_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                return time.process_time() - begun

    return asyncio.run(read())


def settings_of(given: parts.Environment) -> Settings:
    """The settings of the tenant whose inventory is measured."""
    return load_settings({**given, **TENANT})


_ID = "11111111-2222-4333-8444-555555555555"
TENANT = {"MUSTER_TENANT_ID": _ID, "MUSTER_CLIENT_ID": _ID, "MUSTER_GRAPH_URL": "http://127.0.0.1:9"}
_SUBMITTED = "list of ids, submitted"
