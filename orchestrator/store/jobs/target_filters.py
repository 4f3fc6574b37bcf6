"""The conditions by which targets are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from orchestrator.domain.mending import PERMANENT_STATUSES
from orchestrator.domain.target import TargetSearch, TargetStatus
from orchestrator.store.rows.inventory_devices import InventoryDeviceRow
from orchestrator.store.rows.targets import TargetRow


def fitting(
    statuses: Sequence[TargetStatus], code: str | None, search: TargetSearch | None
) -> Iterator[ColumnElement[bool]]:
    """Conditions for targets with these statuses and this error code, in any letter case, that the search finds."""
    if statuses:
        yield TargetRow.status.in_({_stored(status) for status in statuses})
    if code is not None:
        yield func.lower(TargetRow.error_code) == code.lower()
    if search is not None:
        text = search.text
        columns = (func.lower(TargetRow.device), func.lower(TargetRow.name))
        in_list = (
            # SQLite lowers ASCII letters only, so the text is also looked for as it was written.
            TargetRow.name.contains(text, autoescape=True),
            *(column.contains(text.lower(), autoescape=True) for column in columns),
        )
        yield or_(*in_list, *((TargetRow.device.in_(known_as(search)),) if search.inventory is not None else ()))


def known_as(search: TargetSearch) -> Select[str]:
    """The ids of the devices whose name or user in the inventory contains the text."""
    folded = search.text.casefold()
    return select(InventoryDeviceRow.id).where(
        InventoryDeviceRow.inventory == search.inventory,
        or_(
            InventoryDeviceRow.name_key.contains(folded, autoescape=True),
            func.lower(InventoryDeviceRow.user_principal_name).contains(folded, autoescape=True),
        ),
    )


IS_PERMANENT = and_(
    TargetRow.status == TargetStatus.FAILED,
    func.coalesce(TargetRow.http_status, 0).in_(PERMANENT_STATUSES),
)


def _stored(status: TargetStatus) -> TargetStatus:
    return TargetStatus.WAITING if status is TargetStatus.SENDING else status
