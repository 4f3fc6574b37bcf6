"""Remember what is carried over.

Why: what a window left waiting goes first in the schedule's next job; to resume the stopped job after that would call
those devices a second time, so the job says where they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("carried_to", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "carried_to")
