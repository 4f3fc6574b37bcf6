"""Write what commands print into the documents that show it: `python docs/record.py`.

A document marks the block: `<!-- recorded: muster demo -->`, then a blank line, then the block.
"""

# ruff: noqa: INP001 - run by its path

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDED = re.compile(r"(<!-- recorded: muster (?P<arguments>[^>]+?) -->\n+```text\n)(.*?)(```)", re.DOTALL)


def record(document: str) -> str:
    """The document with every marked block as the program prints it now."""
    return RECORDED.sub(lambda block: block[1] + printed(block["arguments"].split()) + block[4], document)


def printed(arguments: list[str]) -> str:
    """What a command says on stdout, without the name of the folder that it ran in."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "orchestrator", *arguments]
        environment = {**os.environ, "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        return done.stdout.replace(f"{Path(folder).resolve()}{os.sep}", "").strip() + "\n"


if __name__ == "__main__":
    for path in (ROOT / "README.md",):
        path.write_text(record(path.read_text(encoding="utf-8")), encoding="utf-8")
