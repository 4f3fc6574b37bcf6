from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

from orchestrator.store.engine.schema import upgrade

FOR_HELP = {"click", "orchestrator"}
"""The only packages outside the standard library that the help page and the version may load."""

FOR_A_LISTING = {
    *FOR_HELP,
    "sqlalchemy",
    "greenlet",
    "aiosqlite",
    "platformdirs",
    "cronsim",
    "tzlocal",
    "typing_extensions",
}
"""Those that a listing, and the submission of a small list, may load."""

MOST_OF_OURS = 187
"""Modules of ours at most: each costs about a millisecond."""

TABLES_OF_JOBS = {"mapping", "audit", "inputs", "inventory", "jobs", "lanes", "lookups", "operations"}
"""Modules of tables that these commands may map: SQLAlchemy takes about five milliseconds for each table."""

_SCRIPT = """
import gc, json, sys
from orchestrator.engine.garbage_collection import begin_loading
begin_loading()
before = gc.get_stats()
from orchestrator.cli.main import run
codes, loaded, collected = {}, {}, {}
for line in json.loads(sys.argv[1]):
    codes[line] = run(line.split())
    loaded[line] = sorted(sys.modules)
    collected[line] = gc.get_stats() != before
print(json.dumps({"codes": codes, "loaded": loaded, "collected": collected}), file=sys.stderr)
"""
_COMMANDS = (
    *("--help", "--version", "job list", "audit", "submit devices.csv --action fullScan", "job show latest"),
    "job show latest -o json",
)
_STANDING = ("schedule list", "status")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The modules that are loaded after each command; those of a group run in one process, one after the other."""
    folder = tmp_path_factory.mktemp("startup")
    (folder / "devices.csv").write_text("managedDeviceId\n11111111-1111-4111-8111-111111111111\n")
    (folder / "none.toml").touch()
    url = f"sqlite:///{(folder / 'muster.db').as_posix()}"
    asyncio.run(upgrade(url))
    ours = {"MUSTER_DATABASE_URL": url, "MUSTER_CONFIG": str(folder / "none.toml"), "MUSTER_ACCESS_TOKEN": "simulated"}
    others = {name: value for name, value in os.environ.items() if not name.startswith(("MUSTER_", "COV_", "OTEL_"))}
    found: dict[str, set[str]] = {}
    # `submit` comes last: a job that no worker takes needs attention after a while, and `status` exits with 1 then.
    for commands in (_STANDING, _COMMANDS):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, json.dumps(commands)],
            cwd=folder,
            env={**others, **ours},
            capture_output=True,
            text=True,
            check=False,
        )
        told = json.loads(done.stderr.splitlines()[-1])
        assert set(told["codes"].values()) == {0}, told["codes"]
        assert not told["collected"][next(command for command in commands if not command.startswith("-"))]
        found |= {command: set(modules) for command, modules in told["loaded"].items()}
    return found


def packages(modules: set[str]) -> set[str]:
    """Those from outside the standard library, without what an environment or a compiled module adds by itself."""
    names = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    return {name for name in names if not name.startswith("_")} - {"cython_runtime", "sitecustomize", "usercustomize"}


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_the_help_and_the_version_load_click_alone(loaded: dict[str, set[str]], command: str) -> None:
    assert packages(loaded[command]) <= FOR_HELP
    assert "asyncio" not in loaded[command]


@pytest.mark.parametrize("command", _COMMANDS[2:])
def test_a_short_command_loads_only_what_it_uses(loaded: dict[str, set[str]], command: str) -> None:
    assert packages(loaded[command]) <= FOR_A_LISTING
    assert not {name for name in loaded[command] if name.startswith("sqlalchemy.dialects.postgresql")}
    assert len([name for name in loaded[command] if name.startswith("orchestrator.")]) <= MOST_OF_OURS
    rows = "orchestrator.store.rows."
    assert {name.removeprefix(rows) for name in loaded[command] if name.startswith(rows)} <= TABLES_OF_JOBS


def test_a_listing_loads_no_more_than_it_shows(loaded: dict[str, set[str]]) -> None:
    listing = {name for name in loaded["job list"] if name.startswith("orchestrator.")}
    assert len(listing) <= 118
    assert not listing & {
        f"orchestrator.store.rows.{each}" for each in ("access", "audit", "charts", "inventory", "schedules")
    }


@pytest.mark.parametrize("command", _STANDING)
def test_what_is_next_is_told_without_the_modules_that_read_lists_and_match_devices(
    loaded: dict[str, set[str]], command: str
) -> None:
    ours = {name for name in loaded[command] if name.startswith("orchestrator.")}
    assert len(ours) <= 152
    assert not {name for name in ours if name.startswith(("orchestrator.intake.", "orchestrator.inventory."))} - {
        "orchestrator.intake.formulas"
    }
