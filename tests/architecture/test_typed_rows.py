"""The store reads rows whose columns mypy knows."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator import store

UNTYPED = re.compile(r"\bRow\[|\bAnyRow\b|\.mappings\(|select\(\w+\.__table__")
"""Rows whose attributes are of any type: SQLAlchemy's own row, its mappings, and a query of a bare table."""


def test_no_row_of_unknown_columns_is_read() -> None:
    files = sorted(Path(store.__path__[0]).rglob("*.py"))

    found = [
        f"{file.name}: {line.strip()}"
        for file in files
        for line in file.read_text("utf-8").splitlines()
        if UNTYPED.search(line)
    ]

    assert len(files) > 50
    assert found == []
