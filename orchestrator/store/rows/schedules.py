"""The tables of schedules: the schedule, its occurrences and the blackouts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class ScheduleRow(Base):
    """When jobs are submitted by themselves. `due_at` is `next_at` with its jitter: what a clock looks for."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("status IN ('active','paused','set aside','ended')", name="status"),
        UniqueConstraint("name"),
    )

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    list_name: Mapped[str] = mapped_column(String(200))
    definition: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    creator: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OccurrenceRow(Base):
    """One occurrence of a schedule. The key makes one job at most of each occurrence.

    The process that makes the job holds the row meanwhile; `more` counts further times that the row stands for.
    """

    __tablename__ = "moments"
    __table_args__ = (
        CheckConstraint(
            "status IN ('starting','queued','started','skipped','missed','blackout','failed')", name="status"
        ),
    )

    schedule_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("schedules.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str | None] = mapped_column(Text)
    more: Mapped[int] = mapped_column(BigInteger, server_default="0")
    job: Mapped[str | None] = mapped_column(String(32))
    list_version: Mapped[int | None] = mapped_column(Integer)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BlackoutRow(Base):
    """A time in which no schedule starts a job: of one schedule, of a tenant, or of all. Local times have no zone."""

    __tablename__ = "blackouts"

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    schedule_number: Mapped[int | None] = mapped_column(BigKey, ForeignKey("schedules.number", ondelete="CASCADE"))
    tenant: Mapped[str | None] = mapped_column(String(200))
    starts: Mapped[str] = mapped_column(String(40))
    ends: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(Text)
