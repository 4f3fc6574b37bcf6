"""The tables of the running installation: workers, waits, emergency stops, acknowledgements, sent requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class WorkerRow(Base):
    """A process that works, and when it was last heard of."""

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


class EmergencyStopRow(Base):
    """An emergency stop in force; `scope` is its tenant, or empty for all. It ends when its row is removed.

    `lanes` is what the keys of all lanes of the same Entra tenant begin with.
    """

    __tablename__ = "emergency_stops"
    __table_args__ = ({"sqlite_with_rowid": False},)

    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    tenant: Mapped[str | None] = mapped_column(String(200))
    lanes: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    stopped_by: Mapped[str] = mapped_column(Text)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AcknowledgementRow(Base):
    """A person acknowledged an item that needs attention (domain/attention.py), as it stood before `at`."""

    __tablename__ = "acknowledgements"
    __table_args__ = ({"sqlite_with_rowid": False},)

    item: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class SentRequestRow(Base):
    """A request that came with an idempotency key and made no job: the hashes of both, and the name of its result."""

    __tablename__ = "sent_requests"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
