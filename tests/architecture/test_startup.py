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

MOST_OF_OURS = {"audit": 98, "job list": 116, "job show latest": 126, "job show latest -o json": 129}
"""Modules of ours at most after each command, and those before it in its process; each costs about a millisecond."""

MOST_OF_A_SUBMISSION = 178

TABLES_OF_A_LISTING = {"mapping", "emergency_stops", "jobs", "lanes", "operations"}
"""Modules of tables that a look at jobs may map: SQLAlchemy takes about five milliseconds for each table."""

TABLES_OF_A_SUBMISSION = {*TABLES_OF_A_LISTING, "audit", "inputs", "inventory", "targets", "unlisted_jobs"}

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
_STANDING = ("schedule list", "status")
_SUBMISSION = "submit devices.csv --action fullScan"
_BEGINNINGS = ("--help", "--version", "audit", _SUBMISSION)
_LOOKS = ("job list", "job show latest", "job show latest -o json")


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
    # A job that no worker takes needs attention after a while, and `status` exits with 1 then: it comes before.
    for commands in (_STANDING, _BEGINNINGS, _LOOKS):
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


def tables(modules: set[str]) -> set[str]:
    """The modules of tables among them."""
    rows = "orchestrator.store.rows."
    return {name.removeprefix(rows) for name in modules if name.startswith(rows)}


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_the_help_and_the_version_load_click_alone(loaded: dict[str, set[str]], command: str) -> None:
    assert packages(loaded[command]) <= FOR_HELP
    assert "asyncio" not in loaded[command]


@pytest.mark.parametrize("command", [*MOST_OF_OURS, _SUBMISSION])
def test_a_short_command_loads_only_what_it_uses(loaded: dict[str, set[str]], command: str) -> None:
    assert packages(loaded[command]) <= FOR_A_LISTING
    assert not {name for name in loaded[command] if name.startswith("sqlalchemy.dialects.postgresql")}
    ours = {name for name in loaded[command] if name.startswith("orchestrator.")}
    assert len(ours) <= MOST_OF_OURS.get(command, MOST_OF_A_SUBMISSION)


@pytest.mark.parametrize("command", _LOOKS)
def test_a_look_at_jobs_maps_no_table_of_devices(loaded: dict[str, set[str]], command: str) -> None:
    assert tables(loaded[command]) <= TABLES_OF_A_LISTING


def test_the_audit_log_is_read_without_the_tables_of_jobs(loaded: dict[str, set[str]]) -> None:
    assert tables(loaded["audit"]) <= {"mapping", "audit", "emergency_stops"}


def test_a_submission_maps_the_tables_that_it_writes(loaded: dict[str, set[str]]) -> None:
    assert tables(loaded[_SUBMISSION]) <= TABLES_OF_A_SUBMISSION


@pytest.mark.parametrize("command", _STANDING)
def test_what_is_next_is_told_without_the_modules_that_read_lists_and_match_devices(
    loaded: dict[str, set[str]], command: str
) -> None:
    ours = {name for name in loaded[command] if name.startswith("orchestrator.")}
    assert len(ours) <= 150
    assert not {name for name in ours if name.startswith(("orchestrator.intake.", "orchestrator.inventory."))} - {
        "orchestrator.intake.formulas"
    }
