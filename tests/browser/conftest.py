"""The whole product, and a browser before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.simulator.throttling import Quota
from tests.support import databases
from tests.support.apps import device_ids
from tests.support.browser import Browser, open_browser, why_not
from tests.support.command_line import CommandLine
from tests.support.costs import charged_to_all
from tests.support.services import free_port
from tests.support.waiting import is_ready, until

_HERE = Path(__file__).parent
_OPENED = pytest.StashKey[ExitStack]()
"""The browser and the installation, which the tests of all files here share."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    for item in items:
        if not item.path.is_relative_to(_HERE):
            continue
        item.add_marker(pytest.mark.enable_socket)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(slots=True)
class Installation:
    """PostgreSQL, Valkey, a service, a worker, a clock and the simulator as Graph."""

    muster: CommandLine
    graph: SimulatedGraph
    port: int
    processes: ExitStack

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    def key(self, role: str, *options: str) -> str:
        """A new key of this role."""
        made = self.muster.run("key", "create", "--role", role, *options, "-o", "json")
        assert made.code == 0, made.err
        key: str = made.json["key"]
        return key

    def serve(self) -> ExitStack:
        """Start the service; what is given back ends it."""
        started = ExitStack()
        started.enter_context(self.muster.started("serve", "--port", str(self.port)))
        until(lambda: is_ready(self.url))
        return started


@pytest.fixture(scope="session")
def _opened(pytestconfig: pytest.Config) -> Iterator[ExitStack]:
    with ExitStack() as opened:
        pytestconfig.stash[_OPENED] = opened
        yield opened


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test in a browser: six processes that wait would cost a minute until the end of the run."""
    if _OPENED in item.config.stash and (nextitem is None or not nextitem.path.is_relative_to(_HERE)):
        with charged_to_all():
            item.config.stash[_OPENED].close()


@pytest.fixture(scope="session")
def installation(
    _opened: ExitStack,
    postgres_url: str,
    postgres_template: str,
    valkey_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    """The product as a team runs it; of 600 devices Graph does not know the first 20."""
    graph = SimulatedGraph(None, known_devices=device_ids(600)[20:])
    database = _opened.enter_context(databases.postgres_copy(postgres_url, postgres_template))
    graph_url = _opened.enter_context(serve_in_thread(graph))
    muster = CommandLine(
        tmp_path_factory.mktemp("installation"),
        {
            "MUSTER_DATABASE_URL": database,
            "MUSTER_BROKER_URL": f"{valkey_url.rpartition('/')[0]}/7",
            "MUSTER_GRAPH_URL": graph_url,
            "MUSTER_ACCESS_TOKEN": "token",
            "MUSTER_WRITE_LIMIT": "200/5s",
            "MUSTER_CONFIRM_ABOVE": "200",
        },
    )
    _opened.enter_context(muster.started("worker"))
    _opened.enter_context(muster.started("clock"))
    made = Installation(muster, graph, free_port(), _opened)
    made.processes = made.serve()
    _opened.callback(_end, made)
    return made


@pytest.fixture(scope="session")
def _open_browser(_opened: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    profile, downloads = tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads")
    return _opened.enter_context(open_browser(profile, downloads=downloads))


@pytest.fixture
def browser(_open_browser: Browser, installation: Installation) -> Iterator[Browser]:
    """The browser, wide and light, on the dashboard; afterwards it must have nothing to complain of."""
    _open_browser.base = installation.url
    _open_browser.look()
    _open_browser.complaints()
    yield _open_browser
    assert _open_browser.complaints() == []


@pytest.fixture(scope="session")
def _session_of_admin(_open_browser: Browser, installation: Installation) -> dict[str, str]:
    _open_browser.base = installation.url
    _open_browser.sign_in(installation.key("admin"))
    return _open_browser.cookies()


@pytest.fixture
def admin(browser: Browser, _session_of_admin: dict[str, str]) -> Browser:
    """The browser of an admin, who signed in once for all tests."""
    browser.enter(_session_of_admin)
    return browser


@pytest.fixture
def slow_graph(installation: Installation) -> Iterator[None]:
    """Graph takes so few calls that no job of this test ends before a person has pressed what it is about."""
    installation.graph.limit_writes(Quota(4, 2.0))
    yield
    installation.graph.limit_writes(None)


def _end(installation: Installation) -> None:
    installation.processes.close()
