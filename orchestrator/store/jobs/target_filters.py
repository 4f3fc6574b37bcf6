"""The conditions by which targets are looked for."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from orchestrator.domain.target import PERMANENT_STATUSES, TargetFilter, TargetStatus
from orchestrator.store.rows.inventory_devices import InventoryDeviceRow
from orchestrator.store.rows.targets import TargetRow


def fitting(wanted: TargetFilter) -> Iterator[ColumnElement[bool]]:
    """The conditions of a filter; a target on its way is stored as waiting, and fits as such."""
    if wanted.statuses:
        yield TargetRow.status.in_({_stored(status) for status in wanted.statuses})
    if wanted.code is not None:
        yield func.lower(TargetRow.error_code) == wanted.code.lower()
    if wanted.lines:
        yield TargetRow.line.in_(sorted(wanted.lines))
    if wanted.search:
        text = wanted.search
        columns = (func.lower(TargetRow.device), func.lower(TargetRow.name))
        in_list = (
            # SQLite lowers ASCII letters only, so the text is also looked for as it was written.
            TargetRow.name.contains(text, autoescape=True),
            *(column.contains(text.lower(), autoescape=True) for column in columns),
        )
        yield or_(*in_list, *((TargetRow.device.in_(known_as(wanted)),) if wanted.inventory is not None else ()))


def known_as(wanted: TargetFilter) -> Select[str]:
    """The ids of the devices whose name or user in the inventory contains the text that is searched."""
    folded = (wanted.search or "").casefold()
    return select(InventoryDeviceRow.id).where(
        InventoryDeviceRow.inventory == wanted.inventory,
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
