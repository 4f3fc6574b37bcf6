"""The table of inventories."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class InventoryRow(Base):
    """One reading of a tenant's devices: hidden while it is `receiving`, in force while it is `current`.

    A refresh that removes too many devices is `pending` until a person accepts it. `tenant` is cloud and Entra tenant.
    """

    __tablename__ = "inventories"
    __table_args__ = (CheckConstraint("status IN ('receiving','pending','current','old')", name="status"),)

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    source: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[str | None] = mapped_column(Text)
    read_by: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    figures: Mapped[str | None] = mapped_column(Text)
    changes: Mapped[str | None] = mapped_column(Text)
