"""Keep the name of a target's device as its list has it.

Why: people know devices by their names, and a page of targets, a search and a notification had only ids. The name stood
in the compressed rows of the list alone. Targets of the release before have none; readers look into the inventory then.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("targets", sa.Column("name", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("targets", "name")
