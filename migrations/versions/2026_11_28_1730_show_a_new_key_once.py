"""Show a new key once.

Why: the page that makes a key answers with a redirect, so that a reload makes no second key; between the two requests
the database keeps what the text of the key follows from, together with a secret that only the browser has.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "new_keys",
        sa.Column("key_id", sa.String(length=12), nullable=False),
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_hash"],
            ["sessions.secret_hash"],
            name=op.f("fk_new_keys_session_hash_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_new_keys")),
    )
    op.create_index(op.f("ix_new_keys_session_hash"), "new_keys", ["session_hash"])


def downgrade() -> None:
    op.drop_table("new_keys")
