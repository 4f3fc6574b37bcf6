"""Find jobs with many failures.

Why: SQLite read every finished job for each look at what needs attention. It turns a comparison round that has no
column on its left, and then finds no index with that condition; and it prefers an index of two columns that the query
compares to the one of the status alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BEFORE = "status = 'finished' AND (failures IS NULL OR failures * 20 > total)"
_MANY_FAILURES = "status = 'finished' AND (failures IS NULL OR total < failures * 20)"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    _create("ix_jobs_many_failures", "status", "cancelling", "number", where=_MANY_FAILURES)
    op.drop_index("ix_jobs_failures", table_name="jobs")


def downgrade() -> None:
    _create("ix_jobs_failures", "number", where=_BEFORE)
    op.drop_index("ix_jobs_many_failures", table_name="jobs")


def _create(name: str, *columns: str, where: str) -> None:
    op.create_index(name, "jobs", [*columns], postgresql_where=sa.text(where), sqlite_where=sa.text(where))
