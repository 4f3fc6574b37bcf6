"""A team of real processes, and services that may be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.throttling import Quota
from tests.support import databases, services
from tests.support.team import Team, a_team

LIMIT = (200, 4.0)
"""Fifty calls a second: a job of two hundred devices lasts for as long as most damage needs."""


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(Quota(*LIMIT, window="sliding"))


@pytest.fixture
def broker(valkey_url: str) -> Iterator[redis.Redis]:
    """The broker of all tests, emptied."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def team(
    graph: SimulatedGraph, postgresql_url: str, valkey_url: str, broker: redis.Redis, tmp_path: Path
) -> Iterator[Team]:
    del broker  # emptied before anybody listens
    with a_team(tmp_path, graph, database_url=postgresql_url, broker_url=valkey_url) as team:
        yield team


@pytest.fixture
def own_postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a migrated database on a server of this test's own, and what restarts it as a crash would."""
    with (
        services.kept_and_restarted("postgres") as (server, restart),
        databases.postgres_template(server) as template,
        databases.postgres_copy(server, template) as url,
    ):
        yield url, restart


@pytest.fixture
def own_valkey() -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a server of this test's own, and what restarts it, empty."""
    with services.kept_and_restarted("valkey") as (url, restart):
        yield url, restart
