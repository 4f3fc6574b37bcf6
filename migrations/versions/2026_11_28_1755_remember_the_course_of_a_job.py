"""Remember the course of a job.

Why: its chart shows a pause as a gap and not as a slope, marks where the brake stopped it and where Graph was out, and
draws the limit that held at that time and not the one in the settings of today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("samples", sa.Column("per_second", sa.Float(53), nullable=True))
    op.create_table(
        "job_events",
        sa.Column("job_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_number"], ["jobs.number"], name=op.f("fk_job_events_job_number_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_number", "at", "kind", name=op.f("pk_job_events")),
    )


def downgrade() -> None:
    op.drop_table("job_events")
    op.drop_column("samples", "per_second")
