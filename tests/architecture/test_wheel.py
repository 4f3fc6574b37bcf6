from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.checkout import ROOT, tracked_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_every_file_of_the_product_and_no_other(wheel: Path) -> None:
    product = {file.relative_to(ROOT).as_posix() for file in tracked_files("orchestrator", "workers")}
    migrations = {
        f"orchestrator/store/migrations/{file.relative_to(ROOT / 'migrations').as_posix()}"
        for file in tracked_files("migrations")
    }

    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert product | migrations <= packed
    assert {name.partition("/")[0] for name in packed} == {"orchestrator", "workers"}
    assert not [name for name in packed if "__pycache__" in name or name.endswith(".db")]


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    archive = ZipFile(wheel)
    names = archive.namelist()

    (commands,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]

    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "muster = orchestrator.__main__:main" in archive.read(commands).decode()


def test_an_unpacked_wheel_makes_its_database_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    ZipFile(wheel).extractall(installed)
    program = (
        "import asyncio, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from orchestrator.store.engine import schema\n"
        "print(schema.__file__)\n"
        "asyncio.run(schema.upgrade('sqlite:///muster.db'))\n"
    )

    made = subprocess.run(
        [sys.executable, "-c", program, str(installed)], cwd=elsewhere, capture_output=True, text=True, check=False
    )

    assert made.returncode == 0, made.stderr
    assert Path(made.stdout.strip()).is_relative_to(installed)
    assert (elsewhere / "muster.db").stat().st_size > 0
