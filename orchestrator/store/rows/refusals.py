"""The table that counts refusals."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base


class RefusalRow(Base):
    """How often one kind of refusal happened since `since`; `deed` is the line that counts those after the tenth."""

    __tablename__ = "refusals"

    kind: Mapped[str] = mapped_column(String(300), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(BigInteger)
    audit_entry: Mapped[int | None] = mapped_column("deed", BigInteger, key="audit_entry")
