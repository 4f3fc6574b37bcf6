"""Count late answers.

Why: the throttle assumes that no call travels more than 0.3 s longer than another. Whether calls keep to it is counted
for each lane beside its calls, so that an assumption which does not hold is seen.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("lane_minutes", sa.Column("late", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("lane_minutes", "late")
