"""`muster` as forks of one server for all processes that run tests (`tests.support.fork_server`), as they see it."""

from __future__ import annotations

import atexit
import io
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from tests.support.checkout import ROOT
from tests.support.fork_server import MOST
from tests.support.waiting import PATIENCE

CAN_FORK = sys.platform == "linux"


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


def _of_this_process() -> str:
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(open_fork_server())


class ForkServer:
    """The process that is forked, as one of those sees it that ask it for another."""

    processor_seconds = 0.0
    """Of all that ended so far."""

    find: ClassVar[Callable[[], str]] = staticmethod(_of_this_process)
    """Gives the address; a run of tests has one server for all of its processes (`tests.support.shared`)."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(address)
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

    def _listen(self) -> None:
        while True:
            try:
                told = self._socket.recv(MOST)
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


@contextmanager
def open_fork_server() -> Iterator[str]:
    """The address of a server, which ends with this block or with this process, and all that it started with it."""
    with tempfile.TemporaryDirectory(prefix="muster-forks-") as folder:
        address = str(Path(folder, "socket"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(address)
            listening.listen()
            command = [sys.executable, "-m", "tests.support.fork_server", str(listening.fileno())]
            # A session of its own: the Ctrl-C that ends the tests reaches it as the end of its standard input.
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
        try:
            yield address
        finally:
            told, _ = process.communicate(timeout=PATIENCE)
            # The end of the server has now counted what it told of each of these.
            ForkServer.processor_seconds -= float(told)
