"""The table of the lookup from a device to its targets."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.rows.mapping import Base


class TargetLookupRow(Base):
    """A device's targets across all jobs; `key` is the end of the device's id, so several devices may share one.

    Written in the background, sorted, some thousand targets at a time: an index on `targets` itself would make storing
    a job two to three times as slow. Rows of removed jobs are harmless, since a reader joins `targets`.
    """

    __tablename__ = "target_lookup"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(12), primary_key=True)
    job_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
