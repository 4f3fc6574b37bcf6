"""Sentences about work that takes a while, for the person who waits for it."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Shows one sentence."""


def say_nothing(_: str) -> None:
    """Drop the sentence: nobody waits."""
