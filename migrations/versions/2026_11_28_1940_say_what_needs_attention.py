"""Say what needs attention.

Why: one look must find the finished jobs of which more than 5 % failed, and the last finished job of each schedule,
also where there are ten thousand jobs with ten million targets. So a job counts its failures when it finishes, and what
somebody acknowledged is kept. A job that a worker of the release before finishes has no count, and is counted when it
is looked at.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MANY_FAILURES = sa.text("status = 'finished' AND (failures IS NULL OR failures * 20 > total)")
_OF_SCHEDULE = sa.text("schedule IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "acknowledgements",
        sa.Column("item", sa.String(length=300), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_acknowledgements")),
        sqlite_with_rowid=False,
    )
    op.add_column("jobs", sa.Column("failures", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE jobs SET failures = (SELECT COALESCE(SUM(failed + uncertain), 0) FROM batches "
        "WHERE batches.job_number = jobs.number) WHERE status = 'finished'"
    )
    op.create_index(
        "ix_jobs_failures", "jobs", ["number"], postgresql_where=_MANY_FAILURES, sqlite_where=_MANY_FAILURES
    )
    op.create_index(
        "ix_jobs_schedule", "jobs", ["schedule", "number"], postgresql_where=_OF_SCHEDULE, sqlite_where=_OF_SCHEDULE
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_schedule", table_name="jobs")
    op.drop_index("ix_jobs_failures", table_name="jobs")
    op.drop_column("jobs", "failures")
    op.drop_table("acknowledgements")
