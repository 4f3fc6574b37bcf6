"""A pytest plugin: a SIGTERM ends a test run as Ctrl-C does, and no process of the run outlives it.

- SIGTERM raises KeyboardInterrupt, so pytest tears its fixtures down and pytest-xdist its workers.
- A worker of pytest-xdist that does not get that far (its test hangs, or somebody kills it) leaves its child processes
  to its guardian: a shell that waits for the end of a pipe, and then kills the worker's process group.
- PostgreSQL, Valkey and every `muster` that tests start have guardians of their own (`tests.support.services`,
  `tests.support.fork_server`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

import pytest

_GUARDIANS: list[subprocess.Popen[bytes]] = []


def pytest_configure(config: pytest.Config) -> None:
    if sys.platform == "win32":
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    if hasattr(config, "workerinput"):
        # A group of its own, which holds nobody but this worker and what it starts.
        os.setsid()
        command = ["sh", "-c", 'read -r _; kill -KILL -- "-$1"', "sh", str(os.getpid())]
        _GUARDIANS.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        )


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Once: a second one in the middle of the tearing down would leave behind what the first was about to end.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def pytest_unconfigure() -> None:
    # The fixtures are torn down, so nothing is left to guard.
    for guardian in _GUARDIANS:
        assert guardian.stdin is not None
        guardian.kill()
        guardian.wait()
        guardian.stdin.close()
