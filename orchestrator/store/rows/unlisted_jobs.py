"""The table of the jobs whose targets are not in the lookup yet."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.rows.mapping import Base, BigKey


class UnlistedJobRow(Base):
    """A job whose targets after `line` are not in `target_lookup` yet; a reader looks through those one by one."""

    __tablename__ = "unlisted_jobs"

    job_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    line: Mapped[int] = mapped_column(BigInteger, server_default="0")
