"""The tables of lanes: the throttle and the calls of each minute."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.store.rows.mapping import Base


class LaneRow(Base):
    """Where a lane stands (throttle/gcra.py, throttle/adaptation.py), in seconds since 1970 on the database's clock.

    Workers of the release before read in `keeper` that this row counts, and not Redis: triggers keep it "row".
    """

    __tablename__ = "lanes"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    keeper: Mapped[str] = mapped_column(String(10), server_default="redis")
    last_departure: Mapped[float] = mapped_column(Float(53))
    reach: Mapped[float] = mapped_column(Float(53), server_default="1")
    closed_until: Mapped[float] = mapped_column(Float(53), server_default="0")
    closed_for: Mapped[float] = mapped_column(Float(53), server_default="0")
    refusals: Mapped[int] = mapped_column(Integer, server_default="0")
    together: Mapped[int] = mapped_column(Integer, server_default="1")
    share: Mapped[float] = mapped_column(Float(53), server_default="1")
    held_since: Mapped[float] = mapped_column(Float(53), server_default="0")
    counted_from: Mapped[float] = mapped_column(Float(53), server_default="0")
    counted: Mapped[int] = mapped_column(Integer, server_default="0")
    counted_before: Mapped[int] = mapped_column(Integer, server_default="0")


class LaneMinuteRow(Base):
    """The calls of a lane in one minute, counted since 1970: answered calls, and 429s and late ones of them."""

    __tablename__ = "lane_minutes"
    __table_args__ = ({"sqlite_with_rowid": False},)

    lane: Mapped[str] = mapped_column(String(200), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger)
    throttled: Mapped[int] = mapped_column(BigInteger)
    late: Mapped[int] = mapped_column(BigInteger, server_default="0")
