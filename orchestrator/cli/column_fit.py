"""Which columns of a table fit a terminal: ids and statuses are never cut, whole columns are left out instead; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

FREE_TEXT = frozenset(
    {"reason", "detail", "errorMessage", "facts", "fileName", "hint", "marks", "mend", "problem", "title", "value"}
)
"""Columns of sentences: they may be folded over several lines; in any other column a cell stays on one line."""

_NARROWEST_TEXT = 20
_GAP = 2
_ESSENTIAL = frozenset({"id", "status"})


@dataclass(frozen=True, slots=True)
class Fitting:
    """The columns to show in their order, those left out, and how wide the table is at least."""

    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    width: int


def fit_columns(
    widths: Mapping[str, int], room: int, *, rank: Sequence[str], folds: Collection[str] = FREE_TEXT
) -> Fitting:
    """The columns that fit into `room` cells, where `widths` has the width of each in the order of the table.

    Columns are taken in the order of `rank`, each that still fits: a narrow one may stay where a wide one before it is
    left out. The most important column, and any that is called `id` or `status`, always stay, even where they alone are
    wider than the room.
    """
    first, *others = sorted(widths, key=lambda column: _place(rank, column)) if widths else [""]
    kept = {first, *_ESSENTIAL} & set(widths)
    for column in others:
        if _width(widths, kept | {column}, folds) <= room:
            kept.add(column)
    shown = tuple(column for column in widths if column in kept)
    return Fitting(shown, tuple(column for column in widths if column not in kept), _width(widths, shown, folds))


def _width(widths: Mapping[str, int], columns: Collection[str], folds: Collection[str]) -> int:
    """The cells that these columns take at least."""
    least = (min(widths[each], _NARROWEST_TEXT) if each in folds else widths[each] for each in columns)
    return sum(least) + _GAP * (len(columns) - 1)


def _place(rank: Sequence[str], column: str) -> int:
    return rank.index(column) if column in rank else len(rank)
