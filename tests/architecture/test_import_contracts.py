from __future__ import annotations

import subprocess
import sys

from tests.support.checkout import ROOT


def test_every_import_contract_holds() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    checked = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
