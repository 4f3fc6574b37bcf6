"""Find the targets of a device.

Why: "what was asked of this laptop?" goes across all jobs, and targets are found by job and line only. An index on
them would make storing a job two to three times as slow (decision 0003), so this table is filled in the background.
Jobs that exist already are queued for it here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    big_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "target_lookup",
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("job_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "job_number", "line", name=op.f("pk_target_lookup")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unlisted_jobs",
        sa.Column("job_number", big_key, autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["job_number"], ["jobs.number"], name=op.f("fk_unlisted_jobs_job_number_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_number", name=op.f("pk_unlisted_jobs")),
    )
    op.execute("INSERT INTO unlisted_jobs (job_number) SELECT number FROM jobs WHERE status <> 'receiving'")


def downgrade() -> None:
    op.drop_table("unlisted_jobs")
    op.drop_table("target_lookup")
