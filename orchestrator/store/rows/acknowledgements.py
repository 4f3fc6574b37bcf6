"""The table of acknowledgements."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class AcknowledgementRow(Base):
    """A person acknowledged an item that needs attention (domain/attention.py), as it stood before `at`."""

    __tablename__ = "acknowledgements"
    __table_args__ = ({"sqlite_with_rowid": False},)

    item: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
