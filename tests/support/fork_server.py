"""Starts `muster` by forking a process that has imported it already: a real process, without its second of importing.

A started process has its own environment, folder, streams, signals and exit code, as one that a shell starts. Where
there is no fork, `tests.support.command_line` starts an interpreter for each.

A run has one server, which the process that a person started keeps. Each process that runs tests has a connection to it
(`tests.support.forked`). The server ends all that was started over a connection when that closes, and itself when its
standard input does: however a test run ends, nothing of it is left behind.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, NoReturn

MOST = 1 << 17
"""Bytes of a message."""

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


class _Server:
    """Forks for each request."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._children: dict[int, socket.socket] = {}
        self._told = 0.0
        self._wakened, self._wakening = os.pipe()
        self._ready = selectors.DefaultSelector()
        self._ready.register(listening, selectors.EVENT_READ, self._accept)
        self._ready.register(self._wakened, selectors.EVENT_READ, self._reap)
        self._ready.register(0, selectors.EVENT_READ, self._end)

    def serve(self) -> _Asked:
        """Until standard input ends; comes back only in a forked process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.set_blocking(self._wakened, False)
        os.set_blocking(self._wakening, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakening)
        while True:
            for key, _ in self._ready.select():
                if isinstance(key.data, socket.socket):
                    if asked := self._fork(key.data):
                        return asked
                else:
                    key.data()

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        self._ready.register(connection, selectors.EVENT_READ, connection)

    def _fork(self, connection: socket.socket) -> _Asked | None:
        try:
            told, files, _, _ = socket.recv_fds(connection, MOST, 3)
        except OSError:
            told = b""
        if not told:
            self._close(connection)
            return None
        asked = _Asked(**json.loads(told), files=list(files))
        child = os.fork()
        if not child:
            self._let_go()
            return asked
        self._children[child] = connection
        for file in files:
            os.close(file)
        _tell(connection, {"started": child})
        return None

    def _close(self, connection: socket.socket) -> None:
        self._ready.unregister(connection)
        connection.close()
        for child in [child for child, asker in self._children.items() if asker is connection]:
            os.kill(child, signal.SIGKILL)

    def _let_go(self) -> None:
        signal.set_wakeup_fd(-1)
        for each in list(self._ready.get_map().values()):
            if isinstance(each.data, socket.socket):
                each.data.close()
        self._ready.close()
        self._listening.close()
        os.close(self._wakened)
        os.close(self._wakening)

    def _reap(self) -> None:
        os.read(self._wakened, 4096)
        while self._children:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
            if _tell(self._children.pop(pid), {"ended": pid, "code": code, "seconds": seconds}):
                self._told += seconds

    def _end(self) -> NoReturn:
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        for child in self._children:
            os.waitpid(child, 0)
        print(self._told)  # noqa: T201 - this is how it is handed over
        sys.exit(0)


def _tell(connection: socket.socket, what: dict[str, Any]) -> bool:
    try:
        connection.send(json.dumps(what).encode())
    except OSError:
        # Whoever asked is gone; the next look at the connection says so too.
        return False
    return True


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
    # What is imported is no garbage, and is looked through once for what is.
    gc.disable()
    _import_everything()
    gc.enable()
    gc.collect()
    gc.freeze()
    asked = _Server(listening).serve()
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
