"""The table of emergency stops."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class EmergencyStopRow(Base):
    """An emergency stop in force; `scope` is its tenant, or empty for all. It ends when its row is removed.

    `lanes` is what the keys of all lanes of the same Entra tenant begin with.
    """

    __tablename__ = "emergency_stops"
    __table_args__ = ({"sqlite_with_rowid": False},)

    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(200))
    lanes: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    stopped_by: Mapped[str] = mapped_column(Text)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)
