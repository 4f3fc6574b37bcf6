"""`muster` as one person runs it: a SQLite file, and a simulated Graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from tests.support.command_line import CommandLine, embedded


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
def write_limit() -> str:
    return "none"


@pytest.fixture
def muster(graph: SimulatedGraph, write_limit: str, sqlite_template: Path, tmp_path: Path) -> Iterator[CommandLine]:
    """A person who has used it before: making the file costs half a second of processor time."""
    with serve_in_thread(graph) as url:
        yield embedded(tmp_path, url, template=sqlite_template, MUSTER_WRITE_LIMIT=write_limit)


@pytest.fixture
def new_muster(graph: SimulatedGraph, write_limit: str, tmp_path: Path) -> Iterator[CommandLine]:
    """A person who has no database yet."""
    with serve_in_thread(graph) as url:
        yield embedded(tmp_path, url, MUSTER_WRITE_LIMIT=write_limit)
