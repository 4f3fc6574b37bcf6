"""Note what is being cancelled.

Why: whether anything of a cancelled job still waits was asked of every job that was ever cancelled, every two seconds,
by every process.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("cancelling", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_jobs_cancelling",
        "jobs",
        ["number"],
        postgresql_where=sa.text("cancelling"),
        sqlite_where=sa.text("cancelling"),
    )
    op.execute(
        "UPDATE jobs SET cancelling = true WHERE status = 'cancelled' AND EXISTS (SELECT 1 FROM batches "
        "WHERE batches.job_number = jobs.number AND (batches.waiting > 0 OR batches.holder IS NOT NULL))"
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_cancelling", table_name="jobs")
    op.drop_column("jobs", "cancelling")
