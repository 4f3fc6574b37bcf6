"""Let jobs brake.

Why: what share of errors stops a job, which of its devices are canaries, and whether Graph is out, stand beside the
job: every worker must see them, and they must outlive each. Workers of the release before this one know none of it and
go on as they did, so every column has a value by itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    for column in _columns():
        op.add_column("jobs", column)


def downgrade() -> None:
    for column in reversed(_columns()):
        op.drop_column("jobs", column.name)


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("brake_share", sa.Integer(), server_default="25", nullable=False),
        sa.Column("brake_sample", sa.Integer(), server_default="100", nullable=False),
        sa.Column("brake_ended", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("brake_errors", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("canaries", sa.Text(), nullable=True),
        sa.Column("outage_since", UtcDateTime(), nullable=True),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("probe_at", UtcDateTime(), nullable=True),
    )
