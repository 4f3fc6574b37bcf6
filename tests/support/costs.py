"""A pytest plugin: the processor time of every test, its child processes included, and the most expensive ones.

A server that many tests share is known to have cost something when it ends: that is a line of its own, or the test that
happens to be the last would be charged for it. What a browser has used is read while it runs, where `/proc` says so.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.checkout import ROOT
from tests.support.forked import ForkServer

_PROPERTY, _SHARED = "processor_seconds", "shared_processor_seconds"
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
        self._begun = self._shared_before = 0.0
        self._shared = self._shared_in_tests = 0.0
        self._of_test: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._begun, self._shared_before = processor_seconds(), _Shared.seconds
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":
            shared = _Shared.seconds - self._shared_before
            report.user_properties += [
                (_PROPERTY, processor_seconds() - self._begun - shared),
                (_SHARED, shared),
            ]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name not in {_PROPERTY, _SHARED}:
                continue
            assert isinstance(value, float)
            if name == _PROPERTY:
                self._of_test[report.nodeid] += value
            else:
                self._shared += value

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """What ends from here on is in no report of a test."""
        self._shared_in_tests = _Shared.seconds

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if not self._of_test:
            return
        folders: dict[str, float] = defaultdict(float)
        functions: dict[str, float] = defaultdict(float)
        for test, seconds in self._of_test.items():
            folders["/".join(Path(test.partition("::")[0]).parts[:2])] += seconds
            functions[test.partition("[")[0].partition("@")[0]] += seconds
        self._shared += _Shared.seconds - self._shared_in_tests
        described = (ROOT / _PAGE).read_text(encoding="utf-8")
        terminalreporter.section("processor time, child processes included")
        terminalreporter.write_line(f"{sum(folders.values()) + self._shared:8.1f} s  all tests")
        terminalreporter.write_line(f"{self._shared:8.1f} s  servers and what else tests share")
        for folder, seconds in _most(folders):
            terminalreporter.write_line(f"{seconds:8.1f} s  {folder}")
        for function, seconds in _most(functions)[: config.getoption("--costs")]:
            name = function.rpartition("::")[2]
            note = "" if f"`{name}`" in described else f"  (what it alone proves is missing in {_PAGE})"
            terminalreporter.write_line(f"{seconds:8.2f} s  {function}{note}")


def _most(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda each: -each[1])


class _Shared:
    seconds = 0.0


@contextmanager
def charged_to_all() -> Iterator[None]:
    """What ends in this block has cost something for all tests, and not for the one that is the last."""
    before = processor_seconds()
    try:
        yield
    finally:
        _Shared.seconds += processor_seconds() - before


@contextmanager
def counted_while_it_runs(process: int, end: Callable[[], object]) -> Iterator[None]:
    """What this process and its descendants use counts at once, and not again when `end` has ended them at the end."""
    _Running.seconds[process] = 0.0
    try:
        yield
    finally:
        processor_seconds()
        reaped = _reaped()
        end()
        _Running.ended += max(0.0, _Running.seconds.pop(process) - (_reaped() - reaped))


def processor_seconds() -> float:
    """Seconds of processor time that this process, its ended child processes and what is counted already have used."""
    for process, before in _Running.seconds.items():
        _Running.seconds[process] = max(before, _used_by(process))
    own = os.times()
    return own.user + own.system + _reaped() + sum(_Running.seconds.values()) + _Running.ended


class _Running:
    seconds: ClassVar[dict[int, float]] = {}
    ended = 0.0


def _reaped() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system + ForkServer.processor_seconds


def _used_by(process: int) -> float:
    """Of a process, its descendants and those of them that ended; 0 where there is no `/proc`."""
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # man 5 proc: after the name in brackets come the state, the parent, …, and four counts of processor time.
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            number = int(file.parent.name)
            children[int(fields[1])].append(number)
            ticks[number] = sum(map(int, fields[11:15]))
    found = [process]
    for each in found:
        found += children[each]
    return sum(ticks.get(each, 0) for each in found) / os.sysconf("SC_CLK_TCK") if ticks else 0.0
