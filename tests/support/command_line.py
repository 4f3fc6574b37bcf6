"""`muster` as a person starts it: a process of its own, in a folder of its own (see `tests.support.fork_server`)."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT
from tests.support.forked import CAN_FORK, Forked, ForkServer
from tests.support.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it said, read as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        """What it said, read as CSV."""
        return list(csv.DictReader(io.StringIO(self.out.removeprefix("\ufeff"), newline="")))


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Starts `muster` with these variables, in this folder."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: bytes | None = None, **variables: str) -> Ended:
        """Run one command to its end."""
        if not self._can_fork(variables):
            done = subprocess.run(
                _command(arguments),
                input=stdin or b"",
                capture_output=True,
                cwd=self.folder,
                env=self.environ(variables),
                timeout=PATIENCE,
                check=False,
            )
            return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
            given.write(stdin or b"")
            given.seek(0)
            process = _fork_server().start(
                arguments,
                folder=self.folder,
                environ=self.environ(variables),
                stdin=given.fileno(),
                stderr=told.fileno(),
            )
            try:
                out, _ = process.communicate(PATIENCE)
            except subprocess.TimeoutExpired as hangs:
                process.kill()
                process.communicate(PATIENCE)
                told.seek(0)
                hangs.add_note(f"It said, and stood at its end: {told.read().decode()}")
                raise
            told.seek(0)
            return Ended(process.wait(), out.decode(), told.read().decode())

    def started(self, *arguments: str, clock: float = 0.0, **variables: str) -> AbstractContextManager[Running]:
        """A command under way, gone after the block; `clock` is by how many seconds its machine's is wrong."""
        if self._can_fork(variables):
            return self._forked(arguments, clock, variables)
        command = _command_by_wrong_clock(clock, arguments) if clock else _command(arguments)
        return self._started(command, arguments[0], variables)

    def started_module(self, module: str, *arguments: str) -> AbstractContextManager[Running]:
        """Another program under way, with the same variables."""
        return self._started([sys.executable, "-m", module, *arguments], module, {})

    @contextmanager
    def _forked(self, arguments: Sequence[str], clock: float, variables: dict[str, str]) -> Iterator[Running]:
        with (self.folder / f"{arguments[0]}.err").open("w+b") as told, Path(os.devnull).open("rb") as nothing:
            process = _fork_server().start(
                arguments,
                folder=self.folder,
                environ=self.environ(variables),
                stdin=nothing.fileno(),
                stderr=told.fileno(),
                clock=clock,
            )
            try:
                yield Running(process, Path(told.name))
            finally:
                process.kill()
                process.communicate(PATIENCE)

    @contextmanager
    def _started(self, command: list[str], name: str, variables: dict[str, str]) -> Iterator[Running]:
        with (self.folder / f"{name}.err").open("w+b") as told:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=told,
                cwd=self.folder,
                env=self.environ(variables),
            )
            try:
                yield Running(process, Path(told.name))
            finally:
                process.kill()
                process.communicate()

    def write(self, name: str, content: bytes) -> str:
        """A file in the folder; its name."""
        (self.folder / name).write_bytes(content)
        return name

    def report(self, job: str) -> list[dict[str, str]]:
        """The report that a run left in the folder."""
        text = (self.folder / f"muster-{job}.csv").read_text(encoding="utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def _can_fork(self, variables: dict[str, str]) -> bool:
        # Code from another folder, such as an older release, is not what the server imported.
        return CAN_FORK and self.environ(variables)["PYTHONPATH"] == str(ROOT)

    def environ(self, variables: dict[str, str] | None = None) -> dict[str, str]:
        """The environment of its commands, with these variables too."""
        given = {**os.environ, "PYTHONPATH": str(ROOT), **self.variables, **(variables or {})}
        return {name: value for name, value in given.items() if value}


def embedded(folder: Path, graph_url: str, *, template: Path | None = None, **variables: str) -> CommandLine:
    """`muster` with a SQLite file in this folder: a copy of the template, or made by whichever command comes first."""
    if template is not None:
        shutil.copyfile(template, folder / "muster.db")
    given = {
        "MUSTER_DATABASE_URL": f"sqlite:///{(folder / 'muster.db').as_posix()}",
        "MUSTER_GRAPH_URL": graph_url,
        "MUSTER_ACCESS_TOKEN": "token",
    }
    return CommandLine(folder, {**given, **variables})


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way."""

    process: subprocess.Popen[bytes] | Forked
    told: Path

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> Ended:
        """Wait for it to end by itself."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.wait(), out.decode(), self.told.read_text(encoding="utf-8"))


@cache
def _fork_server() -> ForkServer:
    return ForkServer(ForkServer.find())


def _command_by_wrong_clock(clock: float, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tests.support.wrong_clock", str(clock), *arguments]


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *arguments]
