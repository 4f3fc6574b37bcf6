"""The parts of an installation, each a process of its own, thrown away afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from orchestrator.bootstrap import open_app
from orchestrator.settings import load_settings
from orchestrator.store.engine.schema import upgrade
from orchestrator.usecases.operations.live_processes import live_processes
from tests.support.checkout import ROOT
from tests.support.services import kept

Environment = Mapping[str, str]

_WORKER = "import sys, workers; sys.exit(workers.run_worker())"
_PATIENCE = 900


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """A simulated Graph on a port; its URL."""
    command = [sys.executable, "-m", "orchestrator.simulator", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield json.loads(process.stdout.readline() if process.stdout else "")["url"]
        finally:
            process.terminate()


@contextmanager
def team(folder: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL and Valkey, migrated and empty; the environment of whoever works there."""
    with kept("postgres") as database, kept("valkey") as broker:
        asyncio.run(upgrade(database))
        yield {**environment(folder), "MUSTER_DATABASE_URL": database, "MUSTER_BROKER_URL": broker}


def embedded(folder: Path, name: str) -> dict[str, str]:
    """A database file of its own."""
    return {**environment(folder), "MUSTER_DATABASE_URL": f"sqlite:///{(folder / name).as_posix()}"}


def environment(folder: Path) -> dict[str, str]:
    """This process's environment without any setting of ours: what somebody works with is not measured."""
    settings_file = folder / "none.toml"
    settings_file.touch()
    others = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    return {**others, "MUSTER_CONFIG": str(settings_file), "MUSTER_ACCESS_TOKEN": "simulated"}


@contextmanager
def workers(count: int, given: Environment, folder: Path) -> Iterator[list[int]]:
    """So many `muster worker`s, ready; their process ids."""
    with ExitStack() as opened:
        log = opened.enter_context((folder / "workers.log").open("ab"))
        started = [
            opened.enter_context(
                subprocess.Popen([sys.executable, "-c", _WORKER], cwd=ROOT, env=dict(given), stderr=log, stdout=log)  # noqa: S603 - our own
            )
            for _ in range(count)
        ]
        for process in started:
            opened.callback(process.terminate)
        asyncio.run(_until_ready(count, given))
        yield [process.pid for process in started]


def muster(given: Environment, *arguments: str, cwd: Path) -> str:
    """What a command answers on stdout."""
    with started(given, *arguments, cwd=cwd) as process:
        return finished(process)


@contextmanager
def started(given: Environment, *arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs."""
    command = [sys.executable, "-m", "orchestrator", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own
        command, cwd=cwd, env=dict(given), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        yield process


def finished(process: subprocess.Popen[str]) -> str:
    """What a command answered; RuntimeError with its last words where it failed."""
    answer, chatter = process.communicate(timeout=_PATIENCE)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n{chatter}")
    return answer


def job(given: Environment, file: Path, *options: str) -> dict[str, Any]:
    """The job object of a list that was called to its end: by workers where there is a broker, else right there."""
    command = ["submit", "--wait"] if "MUSTER_BROKER_URL" in given else ["run"]
    answer = muster(given, *command, str(file), *JOB_OPTIONS, *options, cwd=file.parent)
    found: dict[str, Any] = json.loads(answer)
    if found["counts"]["accepted"] != found["counts"]["total"]:
        raise RuntimeError(f"not every device was accepted, so nothing was measured: {found['counts']}")
    return found


JOB_OPTIONS = ("--action", "refreshUserPolicy", "--yes", "-o", "json")


def ask_simulator(url: str, what: str) -> dict[str, Any]:
    """What the simulator knows."""
    with urlopen(f"{url}/_simulator/{what}", timeout=60) as answer:  # noqa: S310 - our own, on this machine
        found: dict[str, Any] = json.load(answer)
    return found


async def _until_ready(count: int, given: Environment) -> None:
    deadline = time.monotonic() + 60
    async with open_app(load_settings(given), kind="ask") as app:
        while len([each for each in await live_processes(app) if each.kind == "worker"]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError("the workers did not start")
            await asyncio.sleep(0.2)
    # Their driver beats before Celery has found the broker; the first job should meet both.
    await asyncio.sleep(2)
