"""The fixture vocabulary, and only that."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support import databases
from tests.support.clock import ManualClock
from tests.support.once import do_once
from tests.support.shared import SHARED
from tests.support.stalls import Stalls, measured_stalls
from tests.support.tls import Authority, make_authority

# A law is tried for as long as it takes, and examples are made for as long: Hypothesis would fail where a busy machine
# is slow. CI tries the same examples each time: a red run means a change.
settings.register_profile(
    "muster", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("muster")

_WITHOUT_SOCKETS = {"unit", "properties"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing in unit/ and properties/ reaches outside the process."""
    tests = Path(__file__).parent

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(tests).parts[0] if item.path.is_relative_to(tests) else ""

    for item in items:
        if folder(item) in _WITHOUT_SOCKETS:
            item.add_marker(pytest.mark.disable_socket)


def pytest_collection_finish() -> None:
    """What was imported and collected is no garbage; looking through it again and again took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def _nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the developer's own settings, jobs or proxies."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("MUSTER_") and not name.startswith("MUSTER_TEST_"):
                patch.delenv(name)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(home / name.lower()))
        yield


@pytest.fixture(scope="session", autouse=True)
def _once() -> Iterator[None]:
    """No test reads all certificates and compiles all statements that it uses."""
    with pytest.MonkeyPatch.context() as patch:
        do_once(patch)
        yield


def pytest_runtest_setup() -> None:
    """Tracebacks as the product writes them; those of rich, with all variables, take seconds and outlive a lease."""
    if not structlog.is_configured():
        *before, _ = structlog.get_config()["processors"]
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        structlog.configure(processors=[*before, renderer])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def stalls() -> Iterator[Stalls]:
    """How late this machine lets anything happen, measured for as long as the test lasts."""
    with measured_stalls() as stalls:
        yield stalls


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """A PostgreSQL server on which tests may make databases; the whole run has one."""
    return pytestconfig.stash[SHARED].get("postgres")


@pytest.fixture(scope="session")
def valkey_url(pytestconfig: pytest.Config) -> str:
    """A database of a server that speaks Redis; each process has one, and its tests clear it."""
    shared = pytestconfig.stash[SHARED]
    return f"{shared.get('valkey').rpartition('/')[0]}/{shared.number}"


@pytest.fixture(scope="session")
def sqlite_template(pytestconfig: pytest.Config) -> Path:
    """A migrated file to copy."""
    return Path(pytestconfig.stash[SHARED].get("sqlite_template"))


@pytest.fixture(scope="session")
def postgres_template(pytestconfig: pytest.Config) -> str:
    """The name of a migrated database to copy."""
    return pytestconfig.stash[SHARED].get("postgres_template")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    return databases.copy_sqlite(sqlite_template, tmp_path / "muster.db")


@pytest.fixture
def postgresql_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    with databases.postgres_copy(postgres_url, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL database without tables."""
    with databases.postgres_copy(postgres_url, "template0") as url:
        yield url
