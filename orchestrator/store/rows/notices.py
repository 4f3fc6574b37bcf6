"""The table of notices, the outbox of the notifier."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class NoticeRow(Base):
    """One message to one channel: written in the transaction of its event, sent later, and kept with its result."""

    __tablename__ = "notices"
    __table_args__ = (
        CheckConstraint("status IN ('waiting','sent','failed')", name="status"),
        UniqueConstraint("channel", "key"),
    )

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    event: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))
