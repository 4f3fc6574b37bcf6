"""How well a text that a person looks for fits the names of a thing; pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Rank(IntEnum):
    """How well a name fits, the best first."""

    EXACT = 0
    BEGINS = 1
    WORD_BEGINS = 2
    CONTAINS = 3
    BY_OTHER_FACTS = 4


def rank_of(text: str, names: Iterable[str | None]) -> Rank:
    """The best rank of these names, without letter case; BY_OTHER_FACTS where none of them contains the text."""
    wanted = text.strip().casefold()
    return min((_rank(wanted, name.casefold()) for name in names if name), default=Rank.BY_OTHER_FACTS)


def _rank(wanted: str, name: str) -> Rank:
    if name == wanted:
        return Rank.EXACT
    place = name.find(wanted)
    if place < 0:
        return Rank.BY_OTHER_FACTS
    if place == 0:
        return Rank.BEGINS
    return Rank.WORD_BEGINS if any(not name[at - 1].isalnum() for at in _places(wanted, name)) else Rank.CONTAINS


def _places(wanted: str, name: str) -> Iterable[int]:
    place = name.find(wanted)
    while place > 0:
        yield place
        place = name.find(wanted, place + 1)
