"""Mark what was done on the command line.

Why: the address field of the audit log held the words "command line", which a forged `X-Forwarded-For` could hold too.
Rows of the release before have no mark; there the words still count.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("deeds", sa.Column("is_command_line", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.execute("UPDATE deeds SET origin = 'command line' WHERE is_command_line AND origin = ''")
    op.drop_column("deeds", "is_command_line")
