"""A pytest plugin: in which order tests run, and which process runs which.

A test of real processes mostly waits, and a test of SQL or of arithmetic mostly computes. Mixed, they keep the
processors busy throughout; the waiting ones begin early, or one process would wait for them alone at the end.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.support.checkout import ROOT

_BROWSER = "tests/browser/"
_WAITING = ("tests/faults/", "tests/system/")
_BEGIN_WITHIN = 0.7
"""The share of the computing tests among which all the waiting ones have begun."""


class OneBrowser(LoadScopeScheduling):  # type: ignore[misc]
    """Each test to the process that is free next; those of the browser to one process, which has the browser."""

    def _split_scope(self, nodeid: str) -> str:
        return _BROWSER if nodeid.startswith(_BROWSER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser:
    """Not by marks: pytest-xdist 3.8 writes a group into the node's id, and pytest 9 no longer reads it there."""
    return OneBrowser(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser first, then waiting and computing tests in turn; within each kind, whatever order they had."""
    browser: list[pytest.Item] = []
    waiting: list[pytest.Item] = []
    computing: list[pytest.Item] = []
    for item in items:
        where = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        kind = browser if where.startswith(_BROWSER) else waiting if where.startswith(_WAITING) else computing
        kind.append(item)
    stride = int(_BEGIN_WITHIN * len(computing) / len(waiting)) if waiting else 0
    items[:] = browser
    for place, item in enumerate(waiting):
        items += [item, *computing[place * stride : (place + 1) * stride]]
    items += computing[len(waiting) * stride :]
