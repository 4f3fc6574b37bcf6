"""The tables of the running installation: workers and waits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class WorkerRow(Base):
    """A process that works, and the time of its last report."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    job_number: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LaneWaitRow(Base):
    """The cause that keeps one worker from calling in one lane, as that worker reported it last."""

    __tablename__ = "lane_waits"
    __table_args__ = ({"sqlite_with_rowid": False},)

    worker: Mapped[str] = mapped_column(String(120), primary_key=True)
    lane: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
