"""Create the inventory.

Why: administrators know devices by name or serial number, and the action takes only Intune's managed device id. What
a tenant's devices are called is kept here, so that a list of names can be matched without asking Graph.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEYS = {"serial": "serial_key", "entra": "entra_device_id", "configmgr": "configmgr_id"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    big_key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "inventories",
        sa.Column("number", big_key, sa.Identity(), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("read_by", sa.Text(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=True),
        sa.Column("changes", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('receiving','pending','current','old')", name=op.f("ck_inventories_status")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_inventories")),
    )
    op.create_index(
        "uq_inventories_current",
        "inventories",
        ["tenant"],
        unique=True,
        postgresql_where=sa.text("status = 'current'"),
        sqlite_where=sa.text("status = 'current'"),
    )
    op.create_table(
        "inventory_devices",
        sa.Column("inventory", big_key, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_key", sa.Text(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("serial_key", sa.Text(), nullable=True),
        sa.Column("entra_device_id", sa.String(length=36), nullable=True),
        sa.Column("configmgr_id", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("user_principal_name", sa.Text(), nullable=True),
        sa.Column("os", sa.Text(), nullable=True),
        sa.Column("management_agent", sa.Text(), nullable=True),
        sa.Column("last_contact_at", UtcDateTime(), nullable=True),
        sa.Column("objection", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inventory"],
            ["inventories.number"],
            name=op.f("fk_inventory_devices_inventory_inventories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inventory", "id", name=op.f("pk_inventory_devices")),
    )
    op.create_index("ix_inventory_devices_name", "inventory_devices", ["inventory", "name_key"])
    for name, column in _KEYS.items():
        op.create_index(
            f"ix_inventory_devices_{name}",
            "inventory_devices",
            ["inventory", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    op.drop_table("inventory_devices")
    op.drop_table("inventories")
