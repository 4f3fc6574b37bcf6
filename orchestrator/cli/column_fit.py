"""Which columns of a table fit a terminal: ids and statuses are never cut, whole columns are left out instead; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

FREE_TEXT = frozenset(
    {
        *("reason", "detail", "deviceName", "errorMessage", "facts", "fileName", "hint", "marks", "mend", "problem"),
        *("title", "value"),
    }
)
"""Columns of sentences, and of names that others set, where one may be very long.

They may be folded over several lines; in any other column a cell stays on one line.
"""

LONGEST_ID = 36
"""Cells of a GUID, the longest id; a longer word, such as a path, may be folded."""

_NARROWEST_TEXT = 20
_GAP = 2
_ESSENTIAL = frozenset({"id", "status"})


@dataclass(frozen=True, slots=True)
class Fitting:
    """The least width of each column to show, in their order; those left out; and how wide the table is at least."""

    least: Mapping[str, int]
    dropped: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to show."""
        return tuple(self.least)

    @property
    def width(self) -> int:
        """The cells that the table takes at least."""
        return _width(self.least)


def fit_columns(
    widths: Mapping[str, int],
    room: int,
    *,
    rank: Sequence[str],
    folds: Collection[str] = FREE_TEXT,
    words: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> Fitting:
    """The columns that fit into `room` cells, where `widths` has the width of each in the order of the table.

    Columns are taken in the order of `rank`, each that still fits: a narrow one may stay where a wide one before it is
    left out. The most important column, and any that is called `id` or `status`, always stay, even where they alone are
    wider than the room. A column of `folds` is as wide as the first of its `words` for which there is room (its longest
    word, then its longest id), and narrower only where it would be left out otherwise.
    """
    first, *others = sorted(widths, key=lambda column: _place(rank, column)) if widths else [""]
    kept = {column: _least(widths, column, folds) for column in widths if column in {first, *_ESSENTIAL}}
    for column in others:
        narrowest = _least(widths, column, folds)
        unbroken = [min(widths[column], max(narrowest, word)) for word in words.get(column, ())]
        for least in (*unbroken, narrowest):
            if column not in kept and _width({**kept, column: least}) <= room:
                kept[column] = least
    shown = {column: kept[column] for column in widths if column in kept}
    return Fitting(shown, tuple(column for column in widths if column not in kept))


def _least(widths: Mapping[str, int], column: str, folds: Collection[str]) -> int:
    return min(widths[column], _NARROWEST_TEXT) if column in folds else widths[column]


def _width(columns: Mapping[str, int]) -> int:
    """The cells that columns of these widths take."""
    return sum(columns.values()) + _GAP * (len(columns) - 1)


def _place(rank: Sequence[str], column: str) -> int:
    return rank.index(column) if column in rank else len(rank)
