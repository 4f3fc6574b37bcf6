"""An export of Intune's devices, as people have it, becomes devices of an inventory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import BinaryIO

from orchestrator.domain.device import BadId, Via, parse_id
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key, name_of_agent, objection_to
from orchestrator.intake.columns import is_device, names_an_id
from orchestrator.intake.csv_file import CsvFile, CsvRow
from orchestrator.intake.header import ROWS_LOOKED_AT, Expected, read_header
from orchestrator.intake.noise import bare, folded, shown


@dataclass(slots=True)
class InventoryFile:
    """An opened export: its devices once, in pages; the counts are complete after the last page."""

    id_column: str
    fields: tuple[str, ...]
    _file: CsvFile
    _rows: Iterator[CsvRow]
    _columns: _Columns
    rows: int = 0
    skipped: int = 0
    first_skipped: tuple[int, str] | None = None

    @property
    def sha256(self) -> str:
        """Digest of the bytes read so far."""
        return self._file.sha256

    def pages(self, size: int = 10_000) -> Iterator[list[InventoryDevice]]:
        """The devices in the order of the file; a row without a managed device id is counted in `skipped`."""
        page: list[InventoryDevice] = []
        for row in self._rows:
            self.rows += 1
            device = self._columns.device(row.cells) if row.problem is None else row.problem
            if isinstance(device, str):
                self.skipped += 1
                self.first_skipped = self.first_skipped or (row.line, device)
                continue
            page.append(device)
            if len(page) >= size:
                yield page
                page = []
        if page:
            yield page


def open_inventory_file(
    stream: BinaryIO, *, file_name: str | None, max_bytes: int, may_be_empty: bool = False
) -> InventoryFile:
    """The export in a binary stream; IntakeFailed says what is wrong with the file and what to export instead.

    `may_be_empty` takes a header without rows: a report of the export API that found no device.
    """
    try:
        return _open(stream, max_bytes, may_be_empty=may_be_empty)
    except IntakeFailed as failed:
        raise IntakeFailed(f"{shown(file_name)}: {failed}" if file_name else str(failed)) from failed


@lru_cache(maxsize=1_000)
def kind_of(os: str | None, *agents: str) -> tuple[str | None, str | None]:
    """The management agent of a device and what keeps it from taking an action; a fleet has a few kinds."""
    names = [name_of_agent(text) for text in agents if bare(text)]
    return next((name for name in names if name), None), objection_to(os, names)


def parse_time(text: str) -> datetime | None:
    """A time of an export in UTC; None for "never", and where day and month cannot be told apart.

    The admin center and the export API write ISO dates; PowerShell's `Export-Csv` writes the culture of its machine.
    """
    text = text.strip()
    if not text or text.startswith("0001-01-01"):
        return None
    if _ISO.fullmatch(text):
        with suppress(ValueError):
            return datetime.fromisoformat(f"{text[:19]}+00:00")
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    day_month_year = _date_of(parts)
    if day_month_year is None:
        return None
    day, month, year = day_month_year
    hour = int(parts["hour"] or 0)
    if (half := (parts["half"] or "").casefold()) in {"am", "pm"}:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return datetime(year, month, day, hour, int(parts["minute"] or 0), int(parts["second"] or 0), tzinfo=UTC)
    except ValueError:
        return None


def _date_of(parts: dict[str, str]) -> tuple[int, int, int] | None:
    if parts["iso"]:
        year, month, day = map(int, parts["iso"].split("-"))
        return day, month, year
    first, second, year = (int(part) for part in re.split(r"[./]", parts["local"]))
    if "." in parts["local"] or first > _MONTHS:
        return first, second, year
    # An hour of twelve is written in the United States, where the month comes first; 24 hours leave it open.
    if parts["half"] or second > _MONTHS or first == second:
        return second, first, year
    return None


@dataclass(frozen=True, slots=True)
class _Columns:
    """The places of the fields in a row; the first column that is not empty gives a field its value."""

    id: int
    places: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, header: Sequence[str], id_column: int) -> _Columns:
        names = [folded(name) for name in header]
        found = {
            field: tuple(place for alias in aliases for place, name in enumerate(names) if name == alias)
            for field, aliases in _ALIASES.items()
        }
        return cls(id_column, {field: places for field, places in found.items() if places})

    def device(self, cells: Sequence[str]) -> InventoryDevice | str:
        """The device of a row, or the reason why there is none in it."""
        given = parse_id("managedDeviceId", cells[self.id] if self.id < len(cells) else "")
        if isinstance(given, BadId):
            return f"the managed device id {given.reason}"
        # Reports have up to three columns about the agent, a number, a label and a list; the number is exact.
        os, agents = self._text(cells, "os"), self.places.get("management_agent", ())
        agent, objection = kind_of(os, *[cells[place] for place in agents if place < len(cells)])
        return InventoryDevice(
            id=given,
            name=self._text(cells, "name"),
            serial_number=self._text(cells, "serial_number"),
            entra_device_id=self._guid(cells, "entra_device_id"),
            configmgr_id=self._guid(cells, "configmgr_id"),
            user_id=self._guid(cells, "user_id"),
            user_principal_name=self._text(cells, "user_principal_name"),
            os=os,
            management_agent=agent,
            last_contact_at=parse_time(self._text(cells, "last_contact_at") or ""),
            objection=objection,
        )

    def _text(self, cells: Sequence[str], field: str) -> str | None:
        for place in self.places.get(field, ()):
            if place < len(cells):
                text = cells[place]
                if text := text.strip() if text.isascii() else bare(text):
                    return text[:_LONGEST]
        return None

    def _guid(self, cells: Sequence[str], field: str) -> str | None:
        for place in self.places.get(field, ()):
            if place < len(cells) and (key := compare_key(_GUIDS[field], cells[place])):
                return key
        return None


def _open(stream: BinaryIO, max_bytes: int, *, may_be_empty: bool) -> InventoryFile:
    file = CsvFile(
        stream, max_bytes=max_bytes, is_header=lambda cells: names_an_id(cells, Via.MANAGED_DEVICES, column=None)
    )
    rows = file.rows()
    first = list(islice(rows, ROWS_LOOKED_AT))
    if not first or is_device(first[0].cells):
        raise IntakeFailed(f"The file has no header, so nothing says which column is which. {_EXPORT}")
    header = read_header(first, Expected(Via.MANAGED_DEVICES, None, file.delimiter, file.object_type))
    id_columns = header.layout.id_columns
    columns = _Columns.of(header.columns, id_columns.indexes[0])
    if not {"name", "serial_number", "entra_device_id", "configmgr_id"} & columns.places.keys():
        raise IntakeFailed(
            "The file has managed device ids, and neither names nor serial numbers nor other ids beside them. "
            f"{_EXPORT}"
        )
    devices = first[header.rows :]
    if not devices and not may_be_empty:
        raise IntakeFailed("The file has a header and no rows: there is no device in it.")
    fields = tuple(field for field in _ALIASES if field in columns.places)
    return InventoryFile(shown(id_columns.names[0]), fields, file, chain(devices, rows), columns)


# Folded headers: the admin center's export, `Export-Csv` of Get-MgDeviceManagementManagedDevice, and the export API's
# reports Devices, DevicesWithInventory and ComanagementEligibilityTenantAttachedDevices.
# https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-available-reports
_ALIASES = {
    "name": ("devicename", "manageddevicename", "computername", "name"),
    "serial_number": ("serialnumber",),
    "entra_device_id": (
        *("microsoftentradeviceid", "azureaddeviceid", "azureactivedirectorydeviceid", "entradeviceid"),
        *("aaddeviceid", "referenceid"),
    ),
    "configmgr_id": ("smsid", "smsuniqueidentifier", "configmgrid", "configmgrclientid", "clientidentifier"),
    "user_id": ("userid", "primaryuserid"),
    "user_principal_name": ("userprincipalname", "primaryuserupn", "upn"),
    "os": ("os", "operatingsystem", "osdescription"),
    "management_agent": ("managementagent", "managementagents", "managedby"),
    "last_contact_at": ("lastcheck-in", "lastcheckin", "lastcontact", "lastsyncdatetime", "lastcontacted"),
}
_GUIDS = {"entra_device_id": Identifier.ENTRA, "configmgr_id": Identifier.CONFIGMGR, "user_id": Identifier.ID}
_EXPORT = "Export Intune admin center > Devices > All devices, and give that file."
_LONGEST = 400
_MONTHS = 12
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+]00:?00)?", re.ASCII)
_TIME = re.compile(
    r"(?:(?P<iso>\d{4}-\d{1,2}-\d{1,2})|(?P<local>\d{1,2}[./]\d{1,2}[./]\d{4}))"
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AaPp][Mm])?)?"
    r"\s*(?:Z|[+]00:?00)?"
)
