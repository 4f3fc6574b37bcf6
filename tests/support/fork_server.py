"""Starts `muster` by forking a process that has imported it already: a real process, without its second of importing.

A started process has its own environment, folder, streams, signals and exit code, as one that a shell starts. Where
there is no fork, `tests.support.command_line` starts an interpreter for each.

The server is a child process of the one that runs tests, and ends all that it started when its socket closes: however
a test run ends, nothing of it is left behind.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import io
import json
import os
import pkgutil
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.support.checkout import ROOT
from tests.support.waiting import PATIENCE

CAN_FORK = sys.platform == "linux"
_IMPORTED_LATE = (
    "aiosqlite",
    "asyncpg",
    "celery.app.backends",
    "celery.app.control",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.bin.celery",
    "celery.worker.autoscale",
    "celery.worker.consumer",
    "celery.worker.pidbox",
    "celery.worker.strategy",
    "encodings.utf_8_sig",
    "kombu.transport.redis",
)
_MOST = 1 << 17


class Forked:
    """A process that the server started; the part of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, stdout: io.BufferedReader) -> None:
        self.pid, self.stdout = pid, stdout
        self.returncode: int | None = None
        self._ended = threading.Event()
        self._reading: threading.Thread | None = None
        self._read: list[bytes] = []

    def note_end(self, code: int) -> None:
        """It ended with this code, negative for a signal."""
        self.returncode = code
        self._ended.set()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; subprocess.TimeoutExpired, and its stacks on its standard error."""
        if not self._ended.wait(timeout):
            self.send_signal(signal.SIGUSR2)
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended already."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[bytes, None]:
        """All that it wrote to standard output; subprocess.TimeoutExpired, and then it can be called again."""
        # Read beside the wait: a process that writes more than a pipe holds would never end.
        if not self.stdout.closed:
            if self._reading is None:
                self._reading = threading.Thread(target=lambda: self._read.append(self.stdout.read()), daemon=True)
                self._reading.start()
            self.wait(timeout)
            self._reading.join(timeout)
            self.stdout.close()
        return b"".join(self._read), None


class ForkServer:
    """The process that is forked, as those see it that ask it for another."""

    processor_seconds = 0.0
    """Of all that ended so far."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())]
        # A session of its own: the Ctrl-C that ends the tests reaches it as the end of its socket.
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self._started: queue.Queue[int] = queue.Queue()
        self._running: dict[int, Forked] = {}
        self._ended_early: dict[int, int] = {}
        self._lock, self._ends = threading.Lock(), threading.Lock()
        threading.Thread(target=self._listen, name="fork server", daemon=True).start()

    def start(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environ: Mapping[str, str],
        stdin: int,
        stderr: int,
        clock: float = 0.0,
    ) -> Forked:
        """`muster` with these arguments; `clock` is by how many seconds the time of day is wrong for it."""
        readable, writable = os.pipe()
        asked = {"arguments": list(arguments), "folder": str(folder), "environ": dict(environ), "clock": clock}
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], [stdin, writable, stderr])
            os.close(writable)
            pid = self._started.get(timeout=PATIENCE)
            process = Forked(pid, os.fdopen(readable, "rb"))
            with self._ends:
                self._running[pid] = process
                if pid in self._ended_early:
                    process.note_end(self._ended_early.pop(pid))
        return process

    def close(self) -> None:
        """End it, and all that it started."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._process.wait(PATIENCE)

    def _listen(self) -> None:
        while True:
            try:
                told = self._socket.recv(_MOST)
            except OSError:
                return
            if not told:
                return
            heard = json.loads(told)
            if "started" in heard:
                self._started.put(heard["started"])
                continue
            ForkServer.processor_seconds += heard["seconds"]
            with self._ends:
                process = self._running.pop(heard["ended"], None)
                if process is None:
                    self._ended_early[heard["ended"]] = heard["code"]
                else:
                    process.note_end(heard["code"])


@dataclass(slots=True)
class _Asked:
    """What the forked process is to become."""

    arguments: list[str]
    folder: str
    environ: dict[str, str]
    clock: float
    files: list[int] = field(default_factory=list)

    def become(self) -> int:
        """Run `muster`; its exit code."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for to, file in enumerate(self.files):
            os.dup2(file, to)
        for file in self.files:
            os.close(file)
        faulthandler.register(signal.SIGUSR2, file=2)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the process's own streams
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environ)
        time.tzset()
        sys.argv = ["muster", *self.arguments]
        if self.clock:
            from tests.support.wrong_clock import set_clock_wrong  # noqa: PLC0415 - only where it is to be wrong

            set_clock_wrong(self.clock)
        from orchestrator.__main__ import main  # noqa: PLC0415 - imported long ago

        return main()


def serve(listening: socket.socket) -> _Asked:
    """Fork for each request; comes back only in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wakened, wakening = os.pipe()
    os.set_blocking(wakened, False)
    os.set_blocking(wakening, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakening)
    children: set[int] = set()
    with selectors.DefaultSelector() as ready:
        ready.register(listening, selectors.EVENT_READ)
        ready.register(wakened, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj == wakened:
                    os.read(wakened, 4096)
                    _reap(children, listening)
                    continue
                told, files, _, _ = socket.recv_fds(listening, _MOST, 3)
                if not told:
                    _end(children)
                asked = _Asked(**json.loads(told), files=list(files))
                child = os.fork()
                if not child:
                    signal.set_wakeup_fd(-1)
                    for each in (wakened, wakening):
                        os.close(each)
                    listening.close()
                    return asked
                children.add(child)
                for file in files:
                    os.close(file)
                _tell(listening, {"started": child})


def _reap(children: set[int], listening: socket.socket) -> None:
    while children:
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if not pid:
            return
        children.discard(pid)
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        _tell(listening, {"ended": pid, "code": code, "seconds": seconds})


def _tell(listening: socket.socket, what: dict[str, Any]) -> None:
    try:
        listening.send(json.dumps(what).encode())
    except OSError:
        # Whoever asked is gone; the next look at the socket says so too.
        return


def _end(children: set[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    sys.exit(0)


def _import_everything() -> None:
    for package in ("orchestrator", "workers"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    for other in _IMPORTED_LATE:
        importlib.import_module(other)
    from orchestrator.asgi import make_app  # noqa: PLC0415 - importing it is what this server is for
    from orchestrator.settings import Settings  # noqa: PLC0415

    # The routes of the API and of the pages are made once in a process, which takes most of a second.
    make_app(Settings(database_url="sqlite://"))


def main(descriptor: int) -> NoReturn:
    """Import once, then serve; in a forked process run `muster`."""
    listening = socket.socket(fileno=descriptor)
    _import_everything()
    gc.collect()
    gc.freeze()
    asked = serve(listening)
    try:
        code = asked.become()
    except Exception:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        code = 1
    _end_at_once(code)


def _end_at_once(code: int) -> NoReturn:
    """End as the interpreter does, but for taking apart what was imported: that would copy all of the shared memory."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as the interpreter does first
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
