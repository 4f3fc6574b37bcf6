"""Text of others as every column takes it."""

from __future__ import annotations

from typing import overload


@overload
def storable(text: str) -> str: ...


@overload
def storable(text: None) -> None: ...


def storable(text: str | None) -> str | None:
    """The text with a replacement character for what PostgreSQL refuses: NUL, and halves of surrogate pairs.

    An error message of Graph with one of them could never be written, and its device would be called again and again.
    """
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
