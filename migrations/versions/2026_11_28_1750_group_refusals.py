"""Count refusals of one kind together.

Why: failed sign-ins and refused changes are written to the audit log, and a thousand wrong keys must not make it
grow by a thousand lines. A group counts what follows the tenth of a kind within an hour in one line.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refusals",
        sa.Column("kind", sa.String(length=300), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("deed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_refusals")),
    )


def downgrade() -> None:
    op.drop_table("refusals")
