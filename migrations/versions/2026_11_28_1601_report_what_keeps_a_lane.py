"""Report what keeps a lane.

Why: a sign-in that fails, a Graph that cannot be reached or a slow database are known in one worker's memory only. Each
worker reports them here, so that every process can say why a job waits.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "lane_waits",
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("worker", "lane", name=op.f("pk_lane_waits")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("lane_waits")
