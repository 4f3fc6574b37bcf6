"""A pytest plugin: a SIGTERM ends a test run as Ctrl-C does, and no process of the run outlives it.

- SIGTERM raises KeyboardInterrupt, so pytest tears its fixtures down and pytest-xdist its workers.
- A worker of pytest-xdist that does not get that far (its test hangs, or somebody kills it) leaves its child processes
  to its guardian: a shell that waits for the end of a pipe, and then kills the worker's process group.
- PostgreSQL, Valkey and every `muster` that tests start have guardians of their own (`tests.support.services`,
  `tests.support.fork_server`); the servers that all processes share end with the process that a person started
  (`tests.support.shared`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if sys.platform == "win32":
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    if hasattr(config, "workerinput"):
        # A group of its own, which holds nobody but this worker and what it starts.
        os.setsid()
        _set_guardian()


def _set_guardian() -> None:
    """Start what kills this process's group when the pipe between them closes: at the end of this process."""
    readable, _writable = os.pipe()
    command = ["sh", "-c", 'read -r _; kill -9 "-$1" 2>/dev/null', "sh", str(os.getpid())]
    actions = [(os.POSIX_SPAWN_DUP2, readable, 0)]
    # Not by subprocess, which would complain at the end that it still runs.
    os.posix_spawnp("sh", command, os.environ, file_actions=actions)
    os.close(readable)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Once: a second one in the middle of the tearing down would leave behind what the first was about to end.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
