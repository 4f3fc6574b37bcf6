"""Workers of the release before beside those of this one, while it is rolled out."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.store.engine.schema import HEAD
from tests.faults.conftest import LIMIT
from tests.support.checkout import ROOT
from tests.support.invariants import assert_all_holds
from tests.support.team import a_team, guard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

_SCHEMAS = ("orchestrator/store/engine/schema.py", "orchestrator/store/schema.py")


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def _head(revision: str) -> str | None:
    """The migration that a revision ends with, wherever its schema module was then."""
    path = _git("ls-tree", "--name-only", revision, "--", *_SCHEMAS).decode().split()[:1]
    found = path and re.search(r'^HEAD = "(\d+)"', _git("show", f"{revision}:{path[0]}").decode(), re.MULTILINE)
    return found[1] if found else None


def _is_complete(revision: str) -> bool:
    """Whether its migrations end where its schema does; between two merges there may be two of one number."""
    head = _head(revision)
    lines = _git("grep", "-hE", "^(down_)?revision", revision, "--", "migrations/versions").decode()
    numbers = re.findall(r'^revision\b.*"(\d+)"', lines, re.MULTILINE)
    followed = re.findall(r'^down_revision\b.*"(\d+)"', lines, re.MULTILINE)
    return head is not None and len(set(numbers)) == len(numbers) and set(numbers) - set(followed) == {head}


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    """The last code whose schema was another, in a folder of its own."""
    since = None
    for revision in _git("rev-list", "--first-parent", "HEAD", "--", *_SCHEMAS).decode().split():
        head = _head(revision)
        # Not this revision: migrations with lower numbers may have been merged after it.
        code = f"{since}^" if since else "HEAD"
        if head is not None and head < HEAD and _is_complete(code):
            folder = tmp_path / "before"
            with tarfile.open(
                fileobj=io.BytesIO(_git("archive", code, "orchestrator", "workers", "migrations"))
            ) as archive:
                archive.extractall(folder, filter="data")
            return folder
        since = revision
    pytest.skip("the history of this checkout does not reach back to another schema")


def test_both_work_side_by_side_and_no_device_is_lost_or_doubled(
    release_before: Path,
    graph: SimulatedGraph,
    empty_postgres_url: str,
    valkey_url: str,
    tmp_path: Path,
) -> None:
    with redis.Redis.from_url(valkey_url) as broker:
        broker.flushdb()
    graph.answer_within(0.05, 0.3)
    before = str(release_before)
    with a_team(tmp_path, graph, database_url=empty_postgres_url, broker_url=valkey_url, guarded=False) as team:
        assert team.muster.run("db", "upgrade", PYTHONPATH=before).code == 0
        guard(empty_postgres_url)
        old = team.worker(PYTHONPATH=before)
        job = team.submit(250, PYTHONPATH=before)
        team.called(30)
        assert team.muster.run("db", "upgrade").code == 0
        called = graph.tenant.total
        new = team.worker()
        later = team.submit(80, "--canary", "10", seed=2)
        team.called(called + 40)
        still_works = old.lives
        old.kill()

        counts = [team.finish(each)["counts"]["accepted"] for each in (job, later)]
        team.taken_up(old)
        evidence = team.evidence(limit=LIMIT)
        still_works = still_works and new.lives

    assert still_works
    assert counts == [250, 80]
    assert_all_holds(evidence)
