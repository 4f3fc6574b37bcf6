"""The tables of jobs: the job and its batches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Identity,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey

_JOB_STATUSES = "'receiving','queued','running','paused','stopped','cancelled','finished'"
MANY_FAILURES = "status = 'finished' AND (failures IS NULL OR total < failures * 20)"
"""Finished jobs of which more than 5 % failed, or was not counted: a query that says this word by word has an index.

The column stands left of the comparison: SQLite turns `failures * 20 > total` round before it compares a query with the
condition of an index, and finds no index then.
"""


class JobRow(Base):
    """One job. `virtual_time` is its place in the fair order of its lane: what it was served, divided by its weight.

    The circuit breaker (domain/circuit_breaker.py): `brake_ended` and `brake_errors` are what it judges no more;
    `canaries` names the lines that go first, until they were judged; while `probe_at` is set Graph is out, and one call
    at a time asks.

    No call of it starts after `not_after`; what waits then may be first in the job `carried_to`. `notice_pending` marks
    an end whose notice is not written yet, `cancelling` a cancelled job of which something may still wait or be held.

    Attributes with another column name beside them were renamed: the release before reads the column by its old name.

    `failures` counts the targets that failed or are uncertain, once the job is finished; NULL where a release that did
    not count them finished it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_JOB_STATUSES})", name="status"),
        UniqueConstraint("id"),
        UniqueConstraint("idempotency_key"),
    )

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    id: Mapped[str] = mapped_column(String(32))
    name: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(40))
    via: Mapped[str] = mapped_column(String(40))
    tenant: Mapped[str] = mapped_column(String(200))
    lane: Mapped[str] = mapped_column(String(200))
    priority: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    virtual_time: Mapped[float] = mapped_column("pass_value", Float(53), key="virtual_time")
    answered: Mapped[bool] = mapped_column(Boolean, server_default=false())
    total: Mapped[int] = mapped_column(BigInteger)
    intake_rows: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    file_name: Mapped[str | None] = mapped_column(Text)
    input_columns: Mapped[str] = mapped_column(Text)
    submitted_by: Mapped[str] = mapped_column(Text)
    submitter: Mapped[str | None] = mapped_column(Text)
    submit_reason: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retry_of: Mapped[str | None] = mapped_column(String(32))
    schedule: Mapped[str | None] = mapped_column(Text)
    not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_after_reason: Mapped[str | None] = mapped_column(Text)
    carried_to: Mapped[str | None] = mapped_column(String(32))
    notice_pending: Mapped[bool] = mapped_column("untold", Boolean, server_default=false(), key="notice_pending")
    cancelling: Mapped[bool] = mapped_column(Boolean, server_default=false())
    failures: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))
    brake_share: Mapped[int] = mapped_column(Integer, server_default="25")
    brake_sample: Mapped[int] = mapped_column(Integer, server_default="100")
    brake_ended: Mapped[int] = mapped_column(BigInteger, server_default="0")
    brake_errors: Mapped[int] = mapped_column(BigInteger, server_default="0")
    canaries: Mapped[str | None] = mapped_column(Text)
    outage_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probes: Mapped[int] = mapped_column(Integer, server_default="0")
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchRow(Base):
    """A slice of a job's targets, its tally, and who holds it.

    `in_flight` names the lines whose calls may be on their way: the intent, written before they leave.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("waiting >= 0 AND sending >= 0", name="tally"),
        CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="lease"),
    )

    job_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    batch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_line: Mapped[int] = mapped_column(BigInteger)
    last_line: Mapped[int] = mapped_column(BigInteger)
    waiting: Mapped[int] = mapped_column(Integer)
    sending: Mapped[int] = mapped_column(Integer, server_default="0")
    accepted: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    uncertain: Mapped[int] = mapped_column(Integer, server_default="0")
    cancelled: Mapped[int] = mapped_column(Integer, server_default="0")
    errors: Mapped[str | None] = mapped_column(Text)
    in_flight: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(120))
    fencing_token: Mapped[int] = mapped_column("term", BigInteger, server_default="0", key="fencing_token")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    crash_count: Mapped[int] = mapped_column("deaths", Integer, server_default="0", key="crash_count")


TALLY = (
    BatchRow.waiting,
    BatchRow.sending,
    BatchRow.accepted,
    BatchRow.failed,
    BatchRow.uncertain,
    BatchRow.cancelled,
)
"""The counts of a batch, in the order of the fields of `Tally`."""
