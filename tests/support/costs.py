"""A pytest plugin: the processor time of every test, its child processes included, and the most expensive ones."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tests.support.fork_server import ForkServer

_PROPERTY = "processor_seconds"
_PAGE = "docs/tests.md"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--costs", type=int, default=0, metavar="N", help="print the N tests that took the most processor time"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--costs"):
        config.pluginmanager.register(Costs(), "costs")


class Costs:
    """Measures in the process that runs a test; sums up in the one that reports."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._of_test: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._begun = processor_seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":
            report.user_properties.append((_PROPERTY, processor_seconds() - self._begun))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _PROPERTY and report.when == "teardown":
                assert isinstance(value, float)
                self._of_test[report.nodeid] += value

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if not self._of_test:
            return
        folders: dict[str, float] = defaultdict(float)
        functions: dict[str, float] = defaultdict(float)
        for test, seconds in self._of_test.items():
            folders["/".join(Path(test.partition("::")[0]).parts[:2])] += seconds
            functions[test.partition("[")[0].partition("@")[0]] += seconds
        described = (ROOT / _PAGE).read_text(encoding="utf-8")
        terminalreporter.section("processor time, child processes included")
        terminalreporter.write_line(f"{sum(folders.values()):8.1f} s  all tests")
        for folder, seconds in _most(folders):
            terminalreporter.write_line(f"{seconds:8.1f} s  {folder}")
        for function, seconds in _most(functions)[: config.getoption("--costs")]:
            name = function.rpartition("::")[2]
            note = "" if f"`{name}`" in described else f"  (what it alone proves is missing in {_PAGE})"
            terminalreporter.write_line(f"{seconds:8.2f} s  {function}{note}")


def _most(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda each: -each[1])


def processor_seconds() -> float:
    """Seconds of processor time that this process and its ended child processes have used."""
    spent = os.times()
    of_this = spent.user + spent.system + spent.children_user + spent.children_system
    return of_this + ForkServer.processor_seconds
