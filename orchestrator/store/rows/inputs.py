"""The table of the inputs of jobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.rows.mapping import Base, BigKey


class InputPageRow(Base):
    """Some hundreds of rows of the input as they were given, compressed, with the verdict on each."""

    __tablename__ = "input_pages"

    job_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_line: Mapped[int] = mapped_column(BigInteger)
    last_line: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
