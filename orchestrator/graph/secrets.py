"""Secrets are read when they are needed, so that they may be changed on disk meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.domain.errors import SignInRefused

Secret = Callable[[], str]
"""Where a secret is read, each time a token is fetched."""


def fixed(text: str) -> Secret:
    """A secret that does not change while we run."""
    return lambda: text


def kept_in(path: Path) -> Secret:
    """A secret in a file, read anew each time; blanks around it are not part of it."""

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeError) as problem:
            raise SignInRefused(f"The secret in {path} cannot be read: {problem}") from problem

    return read
