"""Remember sent requests.

Why: a request for a schedule or a list that comes again with its idempotency key must be answered as the first one, and
must make nothing new. A job and an API key keep the key of their request; other results have no place for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_requests",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sent_requests")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("sent_requests")
