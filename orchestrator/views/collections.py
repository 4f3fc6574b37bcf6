"""Several things of a kind as they are shown."""

from __future__ import annotations

from typing import Generic, TypeVar

from typing_extensions import TypedDict

T = TypeVar("T")


class Items(TypedDict, Generic[T]):
    """All of them."""

    items: list[T]


class Page(Items[T]):
    """Some of them; without `nextCursor` it is the last page."""

    nextCursor: str | None
