"""Which columns of a device list hold the ids; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.dialect import DELIMITERS
from orchestrator.intake.id_signs import (
    ENTRA_IDS,
    INSTEAD,
    Surroundings,
    overruling,
    refuse_group_template,
    refuse_other_ids,
    refuse_unless_intune,
)
from orchestrator.intake.noise import bare, folded, shown

BARE_COLUMN = "id"
"""The name of the only column of a file without a header, in its report."""


@dataclass(frozen=True, slots=True)
class IdColumns:
    """Where the ids of `Via.columns` stand, in that order, and what the file calls those columns.

    `doubt` is why the ids are refused unless an inventory knows every one of them; None where they are accepted.
    """

    indexes: tuple[int, ...]
    names: tuple[str, ...]
    doubt: str | None = None


def is_device(cells: Sequence[str]) -> bool:
    """Whether a first row is no header but already a device: no column has a GUID as its name."""
    return any(_GUID.fullmatch(bare(cell)) for cell in cells)


def columns_of_guids(rows: Iterable[Sequence[str]]) -> frozenset[int]:
    """The places of the cells that are a GUID in any of these rows."""
    return frozenset(place for cells in rows for place, cell in enumerate(cells) if _GUID.fullmatch(bare(cell)))


def has_id_column(header: Sequence[str]) -> bool:
    """Whether a column has a name under which managed device ids stand; where it has, names beside it are not used."""
    return not {folded(alias) for alias in ALIASES}.isdisjoint(map(folded, header))


def names_an_id(cells: Sequence[str], via: Via, *, column: str | None) -> bool:
    """Whether these cells could be the header of a list for this way of addressing."""
    wanted = _names_of_ids(via, column)
    return any(folded(cell) in wanted for cell in cells)


# A million bad rows are each compared with them.
@lru_cache(maxsize=64)
def _names_of_ids(via: Via, column: str | None) -> frozenset[str]:
    return frozenset(folded(name) for name in (*ALIASES, *via.columns, *ENTRA_IDS, column or "managedDeviceId"))


def find_id_columns(
    header: Sequence[str],
    via: Via,
    *,
    column: str | None,
    object_type: str | None = None,
    with_guids: Collection[int] | None = None,
    has_inventory: bool = False,
) -> IdColumns:
    """The id columns for this way of addressing devices; IntakeFailed says what is wrong and what to do.

    `object_type` is what a `#TYPE` line names; `with_guids` are the columns that hold GUIDs, None if not looked for.
    With an inventory ids without a sign are not refused yet, since it may know them: see `IdColumns.doubt`.
    """
    names = [folded(name) for name in header]
    if len(via.columns) > 1:
        return _find_all(header, names, via, column)
    if column is not None:
        return _columns_at(header, [_find_named(header, names, column)])
    refuse_group_template(header)
    around = Surroundings(header, object_type, with_guids)
    for alias in ALIASES:
        places = [place for place, name in enumerate(names) if name == folded(alias)]
        if places:
            place = _only(header, places)
            try:
                refuse_unless_intune(place, around)
            except IntakeFailed as refusal:
                if not has_inventory:
                    raise
                return replace(_columns_at(header, [place]), doubt=str(refusal))
            return _columns_at(header, [place])
    refuse_other_ids(around)
    wanted = ", ".join(f"`{alias}`" for alias in ALIASES)
    fits = next((each for each in Via if {*map(folded, each.columns)} <= {*names}), None)
    advice = (
        f"{INSTEAD}{overruling(around, range(len(header)))}"
        if fits is None
        else f"{_listed(fits.columns)} are the columns of `--via {fits}`: give that option."
    )
    raise IntakeFailed(
        f"No column holds the managed device id: none is called {wanted}. There {_there_are(header)}. {advice}"
    )


def refuse_other_separators(rows: Iterable[tuple[int, Sequence[str]]]) -> None:
    """IntakeFailed, if one of these numbered rows is a single cell that holds an id and more: nothing separates it."""
    for line, cells in rows:
        text = bare(cells[0]) if cells and not any(map(bare, cells[1:])) else ""
        is_one_cell = not any(each in text for each in DELIMITERS)
        # ConfigMgr writes its client ids as `GUID:…`: one id, and nothing beside it.
        an_id = text[5:] if text[:5].casefold() == "guid:" else text
        if is_one_cell and _GUID_AND_MORE.search(text) and not _GUID.fullmatch(an_id):
            raise IntakeFailed(
                f"Line {line:,} holds more than an id (`{shown(text)}`), and no comma, semicolon or tab separates its "
                "cells. Save the list as CSV with one of them, or write one bare id a line."
            )


def find_bare_column(cells: Sequence[str], via: Via, *, column: str | None) -> IdColumns:
    """The one column of a file that has no header."""
    if column is not None:
        raise IntakeFailed(
            f"There is no column {column!r}: the file has no header, its first row starts with {cells[0]!r}. "
            "Leave out `--column`, or add a header."
        )
    if len(via.columns) > 1:
        raise IntakeFailed(f"The file has no header. `--via {via}` needs one with {_listed(via.columns)}.")
    if any(bare(cell) for cell in cells[1:]):
        raise IntakeFailed(
            "The file has no header: its first row is already a device. Only one bare column of ids works without: "
            "write one id a line, or put a header above them that calls the id `managedDeviceId`."
        )
    return IdColumns((0,), (BARE_COLUMN,))


def _find_all(header: Sequence[str], names: list[str], via: Via, column: str | None) -> IdColumns:
    if column is not None:
        raise IntakeFailed(
            f"`--column` names one column, and `--via {via}` needs {len(via.columns)}: {_listed(via.columns)}. "
            "Leave it out and give the columns these names."
        )
    missing = [name for name in via.columns if folded(name) not in names]
    if missing:
        raise IntakeFailed(
            f"`--via {via}` needs the columns {_listed(via.columns)}, and {_listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. There {_there_are(header)}."
        )
    wanted = [[place for place, name in enumerate(names) if name == folded(each)] for each in via.columns]
    return _columns_at(header, [_only(header, places, may_be_named=False) for places in wanted])


def _find_named(header: Sequence[str], names: list[str], column: str) -> int:
    as_spelled = [place for place, name in enumerate(header) if bare(name) == bare(column)]
    places = as_spelled or [place for place, name in enumerate(names) if name == folded(column)]
    if not places:
        raise IntakeFailed(f"There is no column {column!r}. There {_there_are(header)}.")
    return _only(header, places)


def _only(header: Sequence[str], places: list[int], *, may_be_named: bool = True) -> int:
    if len(places) > 1:
        some = places[:_MOST_SHOWN]
        more = f" and {len(places) - len(some)} more" if len(places) > len(some) else ""
        numbers = ", ".join(str(place + 1) for place in some)
        differ = len({bare(header[place]) for place in places}) == len(places)
        advice = "Name the right one with `--column` as it is spelled, or rename the others."
        if not (may_be_named and differ):
            advice = "Rename all of them but the right one."
        raise IntakeFailed(
            f"Several columns could hold the id: {_listed([header[place] for place in some])}, the columns {numbers}"
            f"{more}. {advice}"
        )
    return places[0]


def _columns_at(header: Sequence[str], places: list[int]) -> IdColumns:
    return IdColumns(tuple(places), tuple(header[place] for place in places))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{shown(name)}`" for name in names)


def _there_are(header: Sequence[str]) -> str:
    shown = [name for name in header[:_MOST_SHOWN] if name]
    more = f" and {len(header) - _MOST_SHOWN} more" if len(header) > _MOST_SHOWN else ""
    return f"are: {_listed(shown)}{more}" if len(header) > 1 else f"is only {_listed([header[0]])}"


ALIASES = ("managedDeviceId", "IntuneDeviceId", "Device ID", "Id")
"""Where the managed device id stands; the first of this list wins, wherever it is in the file."""

_MOST_SHOWN = 60
_HYPHENATED = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GUID = re.compile(rf"\{{?{_HYPHENATED}\}}?", re.ASCII | re.IGNORECASE)
_GUID_AND_MORE = re.compile(rf"(?<![\w-]){_HYPHENATED}(?![\w-])", re.ASCII | re.IGNORECASE)
