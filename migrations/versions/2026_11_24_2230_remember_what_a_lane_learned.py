"""Remember what a lane learned, and count its calls by the minute.

Why: the throttle learns from refusals what is left of the limit, and people ask what a lane did in the last hour.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FRACTIONS = {"reach": "1", "closed_for": "0", "share": "1", "held_since": "0", "counted_from": "0"}
_COUNTS = {"together": "1", "counted": "0", "counted_before": "0"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    for kind, columns in ((sa.Float(precision=53), _FRACTIONS), (sa.Integer(), _COUNTS)):
        for name, default in columns.items():
            op.add_column("lanes", sa.Column(name, kind, server_default=default, nullable=False))
    op.create_table(
        "lane_minutes",
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("throttled", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "minute", name=op.f("pk_lane_minutes")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("lane_minutes")
    for name in (*_FRACTIONS, *_COUNTS):
        op.drop_column("lanes", name)
