"""The tables of a job's chart: its samples and its events."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class JobEventRow(Base):
    """An event of a job: the marks in its chart (domain/course.py)."""

    __tablename__ = "job_events"

    job_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)


class SampleRow(Base):
    """How many targets of a running job were settled at a time: the line in its chart.

    `per_second` is the limit of its lane at that moment, None where nothing limited it.
    """

    __tablename__ = "samples"

    job_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    accepted: Mapped[int] = mapped_column(BigInteger)
    settled: Mapped[int] = mapped_column(BigInteger)
    per_second: Mapped[float | None] = mapped_column(Float(53))
