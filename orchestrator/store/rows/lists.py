"""The tables of saved lists."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.mapping import Base, BigKey


class SavedListRow(Base):
    """A device list under a name; its devices are in its versions."""

    __tablename__ = "lists"
    __table_args__ = (UniqueConstraint("name"),)

    number: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class ListVersionRow(Base):
    """One import of a list; it is hidden until it is whole. `added` and `removed` compare it with the one before."""

    __tablename__ = "list_versions"

    list_number: Mapped[int] = mapped_column(
        BigKey, ForeignKey("lists.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    is_complete: Mapped[bool] = mapped_column("is_whole", Boolean, server_default=false(), key="is_complete")
    via: Mapped[str] = mapped_column(String(40))
    columns: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    intake_rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    devices: Mapped[int] = mapped_column(BigInteger, server_default="0")
    duplicates: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rejected: Mapped[int] = mapped_column(BigInteger, server_default="0")
    added: Mapped[int] = mapped_column(BigInteger, server_default="0")
    removed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    imported_by: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ListPageRow(Base):
    """Some thousand rows of a list version, compressed: what they said, and the devices that they name."""

    __tablename__ = "list_pages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["list_number", "version"],
            ["list_versions.list_number", "list_versions.version"],
            ondelete="CASCADE",
            name="fk_list_pages_list_versions",
        ),
    )

    list_number: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    page: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    devices: Mapped[bytes] = mapped_column(LargeBinary)
