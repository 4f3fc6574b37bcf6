"""A pytest plugin: for all processes of a run one PostgreSQL, one Valkey, one migrated database of each kind, and one
process to fork `muster` from.

The process that a person started makes each of them when the first test asks for it, and ends them with the run. The
processes of pytest-xdist ask it through a socket. However that process ends, the servers end with it
(`tests.support.services`).
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest

from tests.support import databases, services
from tests.support.costs import charged_to_all
from tests.support.forked import ForkServer, open_fork_server

_ADDRESS, _KEY, _NUMBER = "shared_address", "shared_key", "shared_number"


class Shared:
    """What a process of the run gets by name: "postgres", "valkey", "fork_server", and a template of each database."""

    number = 0
    """Of this process among those that run tests."""

    def get(self, name: str) -> str:
        """Its URL, its path or the name of the database; RuntimeError where it could not be made."""
        raise NotImplementedError


class Made(Shared):
    """What this process has made, for itself and for those that ask."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}
        self._opened = ExitStack()
        self._lock = threading.Lock()
        self._makers: dict[str, Callable[[], str]] = {
            "postgres": lambda: self._server("postgres", "MUSTER_TEST_DATABASE_URL"),
            "valkey": lambda: self._server("valkey", "MUSTER_TEST_BROKER_URL"),
            "fork_server": lambda: self._opened.enter_context(open_fork_server()),
            "sqlite_template": self._sqlite_template,
            "postgres_template": self._postgres_template,
        }

    def get(self, name: str) -> str:
        with self._lock:
            return self._get(name)

    def _get(self, name: str) -> str:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def _server(self, service: str, variable: str) -> str:
        return os.environ.get(variable) or self._opened.enter_context(services.kept(service))

    def _sqlite_template(self) -> str:
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="muster-template-"))
        return str(databases.make_sqlite_template(Path(folder)))

    def _postgres_template(self) -> str:
        return self._opened.enter_context(databases.postgres_template(self._get("postgres")))

    def listen(self) -> tuple[str, bytes]:
        """Answer other processes from now on; the address and the key that they need."""
        key = secrets.token_bytes(16)
        listener = self._opened.enter_context(Listener(authkey=key))
        threading.Thread(target=self._answer, args=[listener], name="shared", daemon=True).start()
        return str(listener.address), key

    def _answer(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:
                return  # closed: the run is over
            with connection, suppress(EOFError, OSError):
                name = connection.recv()
                try:
                    answer: tuple[bool, str] = (True, self.get(name))
                except Exception as wrong:  # noqa: BLE001 - the test that asked fails with it
                    answer = (False, repr(wrong))
                connection.send(answer)

    def close(self) -> None:
        """End all of them."""
        with self._lock, charged_to_all():
            self._opened.close()


class Asked(Shared):
    """What the process that started this one has made."""

    def __init__(self, address: str, key: bytes, number: int) -> None:
        self._address, self._key, self.number = address, key, number

    def get(self, name: str) -> str:
        with Client(self._address, authkey=self._key) as connection:
            connection.send(name)
            is_made, answer = connection.recv()
        if not is_made:
            raise RuntimeError(answer)
        return str(answer)


SHARED = pytest.StashKey[Shared]()


class _Ending:
    """Ends what is shared after the last test, and after the processes that used it."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._listening: tuple[str, bytes] | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        self._listening = self._listening or self._made.listen()
        number = int(node.gateway.id.removeprefix("gw"))
        node.workerinput |= dict(zip((_ADDRESS, _KEY, _NUMBER), (*self._listening, number), strict=True))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._made.close()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    if given is not None:
        shared: Shared = Asked(given[_ADDRESS], given[_KEY], given[_NUMBER])
    else:
        shared = made = Made()
        config.pluginmanager.register(_Ending(made), "shared-ending")
    config.stash[SHARED] = shared
    ForkServer.find = partial(shared.get, "fork_server")
