"""Keep emergency stops.

Why: one command has to end all calls of a tenant, or of all tenants, on every worker, and hold through restarts. A stop
is a row; every claim and every look of a worker reads the table. Workers of the release before do not know it: restart
them before a stop is relied on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "emergency_stops",
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=True),
        sa.Column("lanes", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_emergency_stops")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("emergency_stops")
