"""List sessions, and look at a person's role while they are signed in.

Why: a session could not be seen or ended, and a person whose role was taken away kept it until the session ran out.
A session now knows the way in, the address and the person (by the ids of the directory), and holds the refresh token of
the sign-in, sealed under the secret in the browser's cookie. Sessions of the release before know none of it, so all of
them end once; a downgrade ends them again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM sessions")
    for column in _columns():
        op.add_column("sessions", column)


def downgrade() -> None:
    op.execute("DELETE FROM sessions")
    for column in _columns():
        op.drop_column("sessions", column.name)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("way", sa.String(length=10), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("signed_in_at", UtcDateTime(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("next_check_at", UtcDateTime(), nullable=True),
        sa.Column("check_lease_until", UtcDateTime(), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=True),
    ]
