"""The table of the samples of a job's chart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Float, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


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
