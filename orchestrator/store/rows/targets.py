"""The table of targets, which a look at jobs does not need."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey

_TARGET_STATUSES = "'waiting','accepted','failed','uncertain','cancelled'"


class TargetRow(Base):
    """One device inside one job.

    No index but the key: an outcome then rewrites the row in its own page, and a status is found through the tallies
    of the batches. `sending` is never stored: it is what the batch's `in_flight` says.
    """

    __tablename__ = "targets"
    __table_args__ = (
        CheckConstraint(f"status IN ({_TARGET_STATUSES})", name="status"),
        {"sqlite_with_rowid": False},
    )

    # No foreign key: its check for each row would double the time to receive a large job. Reception.forget cleans up.
    job_number: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(Text)
    # As the list has it. Where the list has none, readers look into the inventory.
    name: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    uncharged: Mapped[int] = mapped_column(Integer, server_default="0")
    doubtful: Mapped[bool] = mapped_column(Boolean, server_default=false())
    maybe_repeated: Mapped[bool] = mapped_column(Boolean, server_default=false())
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    http_status: Mapped[int | None] = mapped_column(Integer)
    error_code: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    first_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
