"""The indexes of the tables, and how PostgreSQL stores some of them: for migrations, no query names an index.

Apart from the tables themselves, because SQLAlchemy loads the whole dialect of PostgreSQL with the first word about it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sqlalchemy import Index, MetaData, text

from orchestrator.store import rows
from orchestrator.store.rows.audit import AuditEntryRow
from orchestrator.store.rows.inventory import InventoryRow
from orchestrator.store.rows.inventory_devices import InventoryDeviceRow
from orchestrator.store.rows.jobs import MANY_FAILURES, BatchRow, JobRow
from orchestrator.store.rows.mapping import Base
from orchestrator.store.rows.notices import NoticeRow
from orchestrator.store.rows.schedules import OccurrenceRow, ScheduleRow
from orchestrator.store.rows.targets import TargetRow


def complete_metadata() -> MetaData:
    """All tables with everything that belongs to them, to compare a database with."""
    for each in iter_modules(rows.__path__):
        import_module(f"{rows.__name__}.{each.name}")
    return Base.metadata


def _index(name: str, *columns: Any, where: str | None = None, **options: Any) -> None:
    """Adds an index to the table of its columns; `where` makes it a partial one on both databases."""
    if where is not None:
        options |= {"postgresql_where": text(where), "sqlite_where": text(where)}
    Index(name, *columns, **options)


# Not with `virtual_time`, which changes with every write of outcomes: an update that changes an indexed column
# writes to every index of the table (PostgreSQL calls the cheap kind a HOT update).
_index("ix_jobs_active_lane", JobRow.lane, where="status IN ('queued','running')")
_index("ix_jobs_id_prefix", JobRow.id, postgresql_ops={"id": "varchar_pattern_ops"})
_index("ix_jobs_status", JobRow.status)
_index("ix_jobs_retry_of", JobRow.retry_of, where="retry_of IS NOT NULL")
_index("ix_jobs_cancelling", JobRow.number, where="cancelling")
_index("ix_jobs_untold", JobRow.number, where="untold")
_index("ix_jobs_many_failures", JobRow.status, JobRow.cancelling, JobRow.number, where=MANY_FAILURES)
_index("ix_jobs_schedule", JobRow.schedule, JobRow.number, where="schedule IS NOT NULL")
_index("ix_batches_waiting", BatchRow.job_number, BatchRow.due_at, where="waiting > 0")
_index("ix_batches_held", BatchRow.lease_until, where="holder IS NOT NULL")
_index("ix_schedules_due_at", ScheduleRow.due_at)
_index("ix_moments_open", OccurrenceRow.schedule_number, where="status IN ('starting','queued')")
_index("ix_notices_due", NoticeRow.due_at, where="status = 'waiting'")
_index("ix_deeds_subject_number", AuditEntryRow.subject, AuditEntryRow.number)
_index("uq_inventories_current", InventoryRow.tenant, where="status = 'current'", unique=True)
_DEVICES = InventoryDeviceRow
_index("ix_inventory_devices_name", _DEVICES.inventory, _DEVICES.name_key)
_index("ix_inventory_devices_serial", _DEVICES.inventory, _DEVICES.serial_key, where="serial_key IS NOT NULL")
_index("ix_inventory_devices_entra", _DEVICES.inventory, _DEVICES.entra_device_id, where="entra_device_id IS NOT NULL")
_index("ix_inventory_devices_configmgr", _DEVICES.inventory, _DEVICES.configmgr_id, where="configmgr_id IS NOT NULL")

for _rows in (JobRow, BatchRow, TargetRow):
    # Room on each page for the next version of a row: then an update touches no index.
    Base.metadata.tables[_rows.__tablename__].dialect_options["postgresql"]["with"] = {"fillfactor": 80}
