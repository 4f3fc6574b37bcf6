from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "alembic",
    "asyncpg",
    "celery",
    "fastapi",
    "httpx",
    "msal",
    "pydantic",
    "redis",
    "rich",
    "sqlalchemy",
    "uvicorn",
}


def test_help_loads_nothing_that_help_does_not_need(tmp_path: Path) -> None:
    helped = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "orchestrator", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    lines = [line for line in helped.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert helped.returncode == 0, helped.stderr[-2000:]
    assert "run" in helped.stdout
    assert "click" in loaded
    assert loaded & HEAVY == set()
