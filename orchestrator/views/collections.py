"""Several things of a kind as they are shown."""

from __future__ import annotations

from typing import Generic, TypeVar

from typing_extensions import TypedDict

T = TypeVar("T")


class Items(TypedDict, Generic[T]):
    """A collection that is answered whole."""

    items: list[T]


class Page(Items[T]):
    """A part of a collection; the last page has no `nextCursor`."""

    nextCursor: str | None
