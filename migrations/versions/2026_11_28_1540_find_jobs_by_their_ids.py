"""Find jobs by their ids, and let their place in the fair order change cheaply.

Why: an ordinary index on text serves no prefix in a database whose locale is not C, so that a shortened id read the
whole table. And an index that held `pass_value`, which changes with every write of outcomes, made each of these updates
write to every index of the table. The room that a page keeps lets the new version of a row stay beside the old one.
What was done to one job is found newest first, in a log that grows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("status IN ('queued','running')")


def upgrade() -> None:
    _limit_lock_waits()
    op.create_index("ix_jobs_active_lane", "jobs", ["lane"], postgresql_where=_ACTIVE, sqlite_where=_ACTIVE)
    op.create_index("ix_jobs_id_prefix", "jobs", ["id"], postgresql_ops={"id": "varchar_pattern_ops"})
    op.create_index("ix_deeds_subject_number", "deeds", ["subject", "number"])
    op.drop_index("ix_jobs_lane_active", table_name="jobs")
    op.drop_index("ix_deeds_subject", table_name="deeds")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE jobs SET (fillfactor = 80)")


def downgrade() -> None:
    _limit_lock_waits()
    op.create_index("ix_jobs_lane_active", "jobs", ["lane", "pass_value"], postgresql_where=_ACTIVE)
    op.create_index("ix_deeds_subject", "deeds", ["subject"])
    op.drop_index("ix_deeds_subject_number", table_name="deeds")
    op.drop_index("ix_jobs_id_prefix", table_name="jobs")
    op.drop_index("ix_jobs_active_lane", table_name="jobs")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE jobs RESET (fillfactor)")


def _limit_lock_waits() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
