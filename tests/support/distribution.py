"""A pytest plugin: in which order tests run, and which process runs which.

A test of real processes mostly waits, and a test of SQL or of arithmetic mostly computes. Mixed, they keep the
processors busy throughout; the waiting ones begin early, the longest of them first, or one process would wait for one
of them alone at the end.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.support.checkout import ROOT

_BROWSER = "tests/browser/"
_TOGETHER = (
    _BROWSER,
    "tests/architecture/test_startup.py",
    "tests/architecture/test_wheel.py",
    "tests/integration/test_queue_garbage.py",
)
"""Folders and files whose tests share something costly: one process runs all tests of each."""

_WAITING = ("tests/faults/", "tests/system/")
_LONGEST = (
    "tests/faults/test_graph_breaks.py",
    "tests/faults/test_rolling_upgrade.py",
    "tests/faults/test_processes_die.py",
    "tests/faults/test_simulation.py",
    "tests/faults/test_secrets_stay_secret.py",
    "tests/faults/test_services_break.py",
    "tests/faults/test_long_night.py",
    "tests/faults/",
)
_BEGIN_WITHIN = 0.6
"""The share of the computing tests among which all the waiting ones have begun."""


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Each test to the process that is free next; those that share something costly to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in _TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Not by marks: pytest-xdist 3.8 writes a group into the node's id, and pytest 9 no longer reads it there."""
    return Together(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser first, then waiting and computing tests in turn; tests of one kind keep the order they had."""
    browser: list[pytest.Item] = []
    waiting: list[pytest.Item] = []
    computing: list[pytest.Item] = []
    for item in items:
        where = _place(item)
        kind = browser if where.startswith(_BROWSER) else waiting if where.startswith(_WAITING) else computing
        kind.append(item)
    waiting.sort(key=lambda item: _rank(_place(item)))
    stride = int(_BEGIN_WITHIN * len(computing) / len(waiting)) if waiting else 0
    items[:] = browser
    for place, item in enumerate(waiting):
        items += [item, *computing[place * stride : (place + 1) * stride]]
    items += computing[len(waiting) * stride :]


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""


def _rank(where: str) -> int:
    return next((rank for rank, each in enumerate(_LONGEST) if where.startswith(each)), len(_LONGEST))
