"""`muster doctor --self-test`: whether this machine can do what Muster needs, tried in a temporary folder.

It reads no settings and calls no device: the job at its end goes to a simulated Graph in this process.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import platformdirs

from orchestrator.cli import bridge
from orchestrator.cli.lazy import load
from orchestrator.usecases.operations.check_health import Check

if TYPE_CHECKING:
    from orchestrator.settings import Settings

_DEVICES = [f"5e1f7e57-0000-4000-8000-{number:012x}" for number in range(1, 26)]
_SYMBOLS = "✓ ✗ … ö ß 漢"
_ZONES = {
    # Offsets in hours in January and in July.
    "Europe/Berlin": (1, 2),
    "America/New_York": (-5, -4),
    "Asia/Kolkata": (5.5, 5.5),
}


def self_test() -> list[Check]:
    """Tries everything, one after the other; what breaks is a check that is not well."""
    with tempfile.TemporaryDirectory(prefix="muster-self-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        tried: tuple[tuple[str, Callable[[], str]], ...] = (
            ("settings folder", lambda: _folder(platformdirs.user_config_path("muster", appauthor=False))),
            ("data folder", lambda: _folder(platformdirs.user_data_path("muster", appauthor=False))),
            ("files", lambda: _files(folder)),
            ("locks", lambda: _locks(folder)),
            ("console", _console),
            ("time zones", _zones),
            ("simulated job", lambda: _job(folder)),
        )
        return [_tried(title, trial) for title, trial in tried]


def _tried(title: str, trial: Callable[[], str]) -> Check:
    try:
        return Check(title, ok=True, detail=trial())
    except Exception as problem:  # noqa: BLE001 - any error on this machine is the result of the check
        return Check(title, ok=False, detail=f"{type(problem).__name__}: {problem}", mend=_MEND.get(title))


_MEND = {
    "settings folder": "Name another file with --config or MUSTER_CONFIG.",
    "data folder": "Name another place with MUSTER_DATABASE_URL.",
    "files": "Look at the rights on the temporary folder (TEMP, TMPDIR), and for a virus scanner that locks files.",
    "locks": "Keep the database on a local disk: network drives do not lock as SQLite needs it.",
    "time zones": "Reinstall the package tzdata.",
}


def _folder(folder: Path) -> str:
    """Where it is; raises where nothing can be written there. A folder that was not there is removed again."""
    nearest = next(each for each in (folder, *folder.parents) if each.is_dir())
    with tempfile.TemporaryFile(dir=nearest) as file:
        file.write(b"muster")
    return str(folder) if nearest == folder else f"{folder} (not there yet; it can be made)"


def _files(folder: Path) -> str:
    """A file for its owner alone is made, replaced in one step while it is closed, and removed."""
    file, new = folder / "secret", folder / "new"
    for path, text in ((file, "old"), (new, "new")):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
    mode = stat.S_IMODE(file.stat().st_mode)
    new.replace(file)
    if file.read_text(encoding="utf-8") != "new":
        raise OSError("a file that was replaced still holds what it held before")
    long = folder / ("ü" * 60)
    long.touch()
    long.unlink()
    file.unlink()
    if os.name == "nt":
        return "made, replaced and removed; who may read them is what the folder says"
    if mode != 0o600:
        raise OSError(f"a file for its owner alone has the mode {mode:o}")
    return "made, replaced and removed; readable by their owner alone"


def _locks(folder: Path) -> str:
    """SQLite keeps its journal beside the file, and a second writer is kept out."""
    path = folder / "locks.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        mode = first.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        first.execute("CREATE TABLE tried (number INTEGER)")
        first.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as second:
            try:
                second.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                kept_out = True
            else:
                kept_out = False
        first.execute("COMMIT")
    if mode != "wal" or not kept_out:
        raise OSError(
            f"SQLite {sqlite3.sqlite_version} uses the journal {mode!r}, a second writer kept out: {kept_out}"
        )
    return f"SQLite {sqlite3.sqlite_version} locks its file"


def _console() -> str:
    """Describes the encoding of this console; symbols outside it are written as escapes."""
    encoding = sys.stdout.encoding or "ascii"
    shown = sum(_can_show(symbol, encoding) for symbol in _SYMBOLS.split())
    kind = "a terminal" if sys.stdout.isatty() else "no terminal"
    return f"{kind}, encoding {encoding}, {shown} of {len(_SYMBOLS.split())} symbols; others are written as escapes"


def _can_show(symbol: str, encoding: str) -> bool:
    try:
        symbol.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _zones() -> str:
    for name, hours in _ZONES.items():
        zone = ZoneInfo(name)
        offsets = tuple(datetime(2026, month, 1, 12, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7))
        if offsets != tuple(timedelta(hours=each) for each in hours):
            raise ValueError(f"{name} has the offsets {offsets}")
    import tzlocal

    here = datetime.now(UTC).astimezone()
    return f"{len(_ZONES)} zones are right; here it is {here:%Y-%m-%d %H:%M %z} ({tzlocal.get_localzone_name()})"


def _job(folder: Path) -> str:
    """A whole job: a list, calls over HTTP on this machine, a report."""
    graph = load("orchestrator.simulator.app:SimulatedGraph")(None)
    with load("orchestrator.simulator.serving:serve_in_thread")(graph) as url:
        settings = _settings(folder, url)
        return bridge.run(lambda _: _run(settings, folder, graph))


def _settings(folder: Path, url: str) -> Settings:
    from orchestrator.settings import load_settings

    nothing_else = folder / "muster.toml"
    nothing_else.touch()
    variables = {
        "MUSTER_DATABASE_URL": f"sqlite:///{(folder / 'muster.db').as_posix()}",
        "MUSTER_GRAPH_URL": url,
        "MUSTER_ACCESS_TOKEN": "self-test",
        "MUSTER_WRITE_LIMIT": "none",
        "MUSTER_LOG_LEVEL": "error",
    }
    return load_settings(variables, nothing_else)


async def _run(settings: Settings, folder: Path, graph: Any) -> str:
    from io import BytesIO

    from orchestrator.bootstrap import open_app
    from orchestrator.cli.invocation import actor
    from orchestrator.cli.report_file import write_report
    from orchestrator.domain.action import Action
    from orchestrator.domain.device import Via
    from orchestrator.engine.driver import drive_job
    from orchestrator.engine.stop import StopSignal
    from orchestrator.intake.device_list import IntakeOptions
    from orchestrator.usecases.jobs.describe_job import describe_job
    from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
    from orchestrator.usecases.jobs.write_report import report_text

    devices = BytesIO("\n".join(["managedDeviceId", *_DEVICES, ""]).encode())
    request = JobRequest(action=Action.REFRESH_MACHINE_POLICY, via=Via.MANAGED_DEVICES, tenant="default", by=actor())
    async with open_app(settings, kind="run") as app:
        job = await submit_job(app, request, devices, file_name=None, options=IntakeOptions())
        async with asyncio.timeout(_PATIENCE):
            await drive_job(app, StopSignal(), job)
        tally = (await describe_job(app, job.id)).tally
        report = await write_report(report_text(app, job.id), folder / "report.csv", job=job.id)
        rows = len(report.read_text(encoding="utf-8-sig").splitlines()) - 1
    called = len(graph.tenant.effects)
    if not tally.accepted == called == rows == len(_DEVICES):
        raise OSError(f"{len(_DEVICES)} devices, {called} called, {tally.accepted} accepted, {rows} in the report")
    return f"{called} devices called and accepted, {rows} in the report"


_PATIENCE = 120.0
"""Seconds for the simulated job, which takes one."""
