"""Device lists as they come: one bare column, and the 56 columns of Intune's export."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from tests.support.apps import device_ids

KNOWN = {
    "Device name": "CONTOSO-{n:06d}",
    "Managed by": "Co-managed",
    "Ownership": "Corporate",
    "Compliance": "Compliant",
    "OS": "Windows",
    "OS version": "10.0.26100.2454",
    "Last check-in": "2026-01-15 09:30:00.0000000",
    "Primary user UPN": "user{n}@contoso.example",
    "Serial number": "SN{n:09d}",
    "Manufacturer": "Contoso",
    "Model": "Laptop, 14 inch",
}
COLUMNS = 56


def narrow(path: Path, count: int) -> Path:
    """One column of ids."""
    path.write_text("\n".join(["Device ID", *device_ids(count), ""]), encoding="utf-8")
    return path


def wide(path: Path, count: int) -> Path:
    """The shape of "All devices" as Intune exports it: the id first, 55 other columns, a byte-order mark."""
    fill = {f"Property {number}": "" for number in range(COLUMNS - 1 - len(KNOWN))}
    chance = Random(1)  # noqa: S311 - the same list every time, nothing secret
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Device ID", *KNOWN, *fill])
        for number, device in enumerate(device_ids(count)):
            known = [text.format(n=number) for text in KNOWN.values()]
            writer.writerow([device, *known, *(chance.choice(_VALUES) for _ in fill)])
    return path


_VALUES = ("", "", "False", "True", "Unknown", "0", "2026-01-15 09:30:00.0000000", "1.2.3.4", "NotApplicable")
