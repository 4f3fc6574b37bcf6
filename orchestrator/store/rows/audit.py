"""The tables of the audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Identity, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class AuditEntryRow(Base):
    """One line of the audit log; nothing changes it, but for the count of a line that stands for many refusals."""

    __tablename__ = "deeds"

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[str | None] = mapped_column(Text)
    is_command_line: Mapped[bool | None]


class RefusalRow(Base):
    """How often one kind of refusal happened since `since`; `deed` is the line that counts those after the tenth."""

    __tablename__ = "refusals"

    kind: Mapped[str] = mapped_column(String(300), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(BigInteger)
    audit_entry: Mapped[int | None] = mapped_column("deed", BigInteger, key="audit_entry")
