"""Create the schedule tables.

Why: schedules, their moments and blackouts, saved lists and notices; and on a job the end of its window, and whether
its end was told. Columns are added with defaults, so what ran before goes on beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("not_after", UtcDateTime(), nullable=True))
    op.add_column("jobs", sa.Column("not_after_reason", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("untold", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_jobs_untold", "jobs", ["number"], postgresql_where=sa.text("untold"), sqlite_where=sa.text("untold")
    )
    _create_lists()
    _create_schedules()
    _create_notices()


def _create_lists() -> None:
    op.create_table(
        "lists",
        sa.Column("number", _KEY, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lists")),
        sa.UniqueConstraint("name", name=op.f("uq_lists_name")),
    )
    op.create_table(
        "list_versions",
        sa.Column("list_number", _KEY, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_whole", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("via", sa.String(length=40), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("intake_rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("devices", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_number"], ["lists.number"], name=op.f("fk_list_versions_list_number_lists"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("list_number", "version", name=op.f("pk_list_versions")),
    )
    op.create_table(
        "list_pages",
        sa.Column("list_number", _KEY, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("devices", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_number", "version"],
            ["list_versions.list_number", "list_versions.version"],
            name="fk_list_pages_list_versions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_number", "version", "page", name=op.f("pk_list_pages")),
    )


def _create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("number", _KEY, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("list_name", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('active','paused','set aside','ended')", name=op.f("ck_schedules_status")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_schedules")),
        sa.UniqueConstraint("name", name=op.f("uq_schedules_name")),
    )
    op.create_index("ix_schedules_due_at", "schedules", ["due_at"])
    op.create_table(
        "moments",
        sa.Column("schedule_number", _KEY, autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("more", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.Column("list_version", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('starting','queued','started','skipped','missed','blackout','failed')",
            name=op.f("ck_moments_status"),
        ),
        sa.ForeignKeyConstraint(
            ["schedule_number"],
            ["schedules.number"],
            name=op.f("fk_moments_schedule_number_schedules"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("schedule_number", "at", name=op.f("pk_moments")),
    )
    is_open = sa.text("status IN ('starting','queued')")
    op.create_index("ix_moments_open", "moments", ["schedule_number"], postgresql_where=is_open, sqlite_where=is_open)
    op.create_table(
        "blackouts",
        sa.Column("number", _KEY, sa.Identity(always=False), nullable=False),
        sa.Column("schedule_number", _KEY, nullable=True),
        sa.Column("tenant", sa.String(length=200), nullable=True),
        sa.Column("starts", sa.String(length=40), nullable=False),
        sa.Column("ends", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule_number"],
            ["schedules.number"],
            name=op.f("fk_blackouts_schedule_number_schedules"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_blackouts")),
    )


def _create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("number", _KEY, sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("holder", sa.String(length=120), nullable=True),
        sa.CheckConstraint("status IN ('waiting','sent','failed')", name=op.f("ck_notices_status")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_notices")),
        sa.UniqueConstraint("channel", "key", name=op.f("uq_notices_channel_key")),
    )
    waits = sa.text("status = 'waiting'")
    op.create_index("ix_notices_due", "notices", ["due_at"], postgresql_where=waits, sqlite_where=waits)


def downgrade() -> None:
    for table in ("notices", "blackouts", "moments", "schedules", "list_pages", "list_versions", "lists"):
        op.drop_table(table)
    op.drop_index("ix_jobs_untold", "jobs")
    for column in ("untold", "not_after_reason", "not_after"):
        op.drop_column("jobs", column)
