"""Which columns of a device list name devices by something else than Intune's id; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import Identifier
from orchestrator.intake.noise import folded, shown

HOW_TO_MATCH = (
    "Names, serial numbers and other ids are matched against an inventory, and there is none: `muster inventory "
    "refresh` reads it from Graph, `muster inventory import FILE` from the admin center's *All devices* export."
)

HOW_TO_NAME = "If a column holds names or serial numbers, say which: `--match name --column NAME`, or `--match serial`."


@dataclass(frozen=True, slots=True)
class IdentifierColumn:
    """A column whose cells name devices: by what, where it stands, and what the file calls it."""

    by: Identifier
    place: int
    name: str


def identifier_columns(
    header: Sequence[str], *, match: Identifier | None, column: str | None
) -> tuple[IdentifierColumn, ...]:
    """The columns that name devices, the most exact kind first; none where the header has no name that exports use.

    `match` narrows them to one kind, and `column` names the column that holds it. IntakeFailed where that column is
    missing, or two columns have the same name.
    """
    names = [folded(name) for name in header]
    if match is not None and column is not None:
        places = [place for place, name in enumerate(names) if name == folded(column)]
        if not places:
            raise IntakeFailed(f"There is no column {column!r} in the list.")
        return (IdentifierColumn(match, _only(header, places), shown(header[places[0]])),)
    found: list[IdentifierColumn] = []
    for by, aliases in _ALIASES.items():
        if match in (None, by):
            for alias in aliases:
                places = [place for place, name in enumerate(names) if name == alias]
                if places:
                    found.append(IdentifierColumn(by, _only(header, places), shown(header[places[0]])))
                    break
    return tuple(found)


def names_a_device(cells: Sequence[str]) -> bool:
    """Whether these cells could be the header of a list that names devices by something else than Intune's id."""
    return any(folded(cell) in _HEADERS for cell in cells)


def name_column(columns: Sequence[str]) -> int | None:
    """The place of the column that holds the names of devices; None where the list has none."""
    names = [folded(name) for name in columns]
    return next((names.index(alias) for alias in _ALIASES[Identifier.NAME] if alias in names), None)


def is_header_of_names(cell: str) -> bool:
    """Whether the first cell of a single column is its header, and no name of a device."""
    return folded(cell) in _HEADERS | _WORDS_ABOVE_NAMES


def bare_identifier(match: Identifier | None, *, name: str | None = None) -> IdentifierColumn:
    """The only column of a list, which has no header or one that no export uses; it holds names unless told."""
    by = match or Identifier.NAME
    return IdentifierColumn(by, 0, name or by.label)


def _only(header: Sequence[str], places: Sequence[int]) -> int:
    if len(places) > 1:
        raise IntakeFailed(
            f"Several columns are called `{shown(header[places[0]])}`. Rename all of them but the right one."
        )
    return places[0]


# Folded headers, by how exactly their cells name one device: https://github.com/MicrosoftDocs/memdocs for the exports,
# SMS_CombinedDeviceResources for ConfigMgr's.
_ALIASES: dict[Identifier, tuple[str, ...]] = {
    Identifier.ENTRA: ("azureaddeviceid", "microsoftentradeviceid", "aaddeviceid", "entradeviceid"),
    Identifier.CONFIGMGR: ("smsid", "smsuniqueidentifier"),
    Identifier.SERIAL: ("serialnumber",),
    Identifier.NAME: ("devicename", "name", "computername"),
}
_HEADERS = frozenset(alias for aliases in _ALIASES.values() for alias in aliases)
_WORDS_ABOVE_NAMES = frozenset(
    {
        *(
            "computer",
            "computers",
            "device",
            "devices",
            "hostname",
            "host",
            "hosts",
            "machine",
            "machines",
            "pc",
            "pcs",
        ),
        *("serial", "serials", "names", "devicenames", "computernames", "serialnumbers"),
    }
)
