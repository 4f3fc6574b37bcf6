"""The column `tenant` of a device list, which says for each row whose device it is; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.intake.csv_file import CsvRow
from orchestrator.intake.noise import bare, folded, shown

TENANT_COLUMN = "tenant"
OTHER_TENANT = "its tenant is "
"""The beginning of the reason of a row whose tenant is not among those that were named."""


@dataclass(frozen=True, slots=True)
class TenantRows:
    """Whose rows of a list with a tenant column one job takes: those of `tenant`.

    `known` leads from every name and directory id of a tenant, in lower case, to its name in the settings. Rows of the
    tenants `beside` it belong to other jobs of the same submission. Rows of other tenants are bad rows of the job that
    `has_bad_rows`. A row that names no tenant belongs to the tenant `usual`.
    """

    tenant: str
    known: Mapping[str, str] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()
    usual: str | None = None
    has_bad_rows: bool = True

    def owner(self, cell: str) -> str | None:
        """The tenant that the cell names; None where there is no such tenant."""
        text = bare(cell)
        return self.known.get(text.casefold()) if text else self.usual

    def owner_of(self, cells: Sequence[str], place: int) -> str | None:
        """The tenant of a row whose tenant column is at `place`; None where there is no such tenant."""
        return self.owner(cells[place] if place < len(cells) else "")

    def objection(self, cells: Sequence[str], place: int) -> str | None:
        """Says why this job does not call the device of a row; None where the device is its tenant's."""
        owner = self.owner_of(cells, place)
        return None if owner == self.tenant else self._problem(cells[place] if place < len(cells) else "", owner)

    def select(self, row: CsvRow, place: int) -> CsvRow | None:
        """The row, with its problem where it is bad; None where it belongs to another job."""
        cell = row.cells[place] if place < len(row.cells) else ""
        if row.problem is not None:
            return row if self.has_bad_rows else None
        owner = self.owner(cell)
        if folded(cell) == TENANT_COLUMN:
            # The header once more, from files that were joined: noise, which is counted once.
            return row if self.has_bad_rows else None
        if owner == self.tenant:
            return row
        if owner in self.beside or not self.has_bad_rows:
            return None
        return row._replace(problem=self._problem(cell, owner))

    def _problem(self, cell: str, owner: str | None) -> str:
        if owner is not None:
            asked = ", ".join(sorted({self.tenant, *self.beside}))
            return f"{OTHER_TENANT}{owner}, and devices of {asked} are asked"
        if not bare(cell):
            return f"its column `{TENANT_COLUMN}` is empty, and no tenant is the default"
        return f"there is no tenant {shown(bare(cell))!r} in the settings"


def names_of_tenants(tenants: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Names and directory ids in lower case, and the name that each leads to, for tenants by name and directory id.

    The id of a directory that several tenants are in leads nowhere.
    """
    named = [(name, (tenant_id or "").casefold()) for name, tenant_id in tenants]
    times = Counter(tenant_id for _, tenant_id in named)
    by_id = {tenant_id: name for name, tenant_id in named if tenant_id and times[tenant_id] == 1}
    return by_id | {name.casefold(): name for name, _ in named}


def place_of_tenants(columns: Sequence[str]) -> int | None:
    """Where the tenant column stands among the columns of a list; None where there is none."""
    places = [place for place, name in enumerate(columns) if folded(name) == TENANT_COLUMN]
    return places[0] if places else None
