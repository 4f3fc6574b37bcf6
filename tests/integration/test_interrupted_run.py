"""A run of tests that is interrupted leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.waiting import PATIENCE, until

_HANGING = """
import os, pathlib, subprocess, sys, time
from tests.support.command_line import CommandLine
from tests.support.services import kept
from tests.support.shared import SHARED

def test_hangs(tmp_path, pytestconfig):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    shared = pytestconfig.stash[SHARED].get("valkey")
    with kept("valkey") as url, CommandLine(tmp_path).started("simulator", "--port", "0") as running:
        pids = [os.getpid(), other.pid, running.process.pid, port_holder(url), port_holder(shared)]
        pathlib.Path({folder!r}, "written").write_text(" ".join(map(str, pids)))
        pathlib.Path({folder!r}, "written").rename(pathlib.Path({folder!r}, "pids"))
        time.sleep(600)

def port_holder(url):
    import redis
    with redis.Redis.from_url(url) as client:
        return client.info("server")["process_id"]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up as Linux shows them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_no_worker_no_server_and_no_process_of_a_test(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_hangs.py").write_text(_HANGING.format(folder=str(tmp_path)))
    settings = ["-c", str(ROOT / "pyproject.toml"), "-p", "no:randomly", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *settings, "-n", "1", str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (tmp_path / "told").open("wb") as told:
        run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=told, stderr=told)
        try:
            until(lambda: (tmp_path / "pids").exists() or run.poll() is not None)
            assert (tmp_path / "pids").exists(), (tmp_path / "told").read_text()
            pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
            run.send_signal(number)
            run.wait(PATIENCE)
        finally:
            run.kill()
            run.wait()

    assert len(pids) == 5
    until(lambda: not any(lives(pid) for pid in pids), lambda: str([pid for pid in pids if lives(pid)]))


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended and only waits to be asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
