"""Begin to count the days of tenants that left the settings.

Why: an inventory that no settings lead to goes after a month. `touched_at` held the time of its last refresh, so one
whose tenant left the settings yesterday, or by mistake, would go at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    inventories = sa.table("inventories", sa.column("status", sa.String), sa.column("touched_at", UtcDateTime))
    shown = inventories.update().where(inventories.c.status.in_(("current", "pending")))
    op.execute(shown.values(touched_at=datetime.now(UTC)))


def downgrade() -> None:
    """Changes no row: the release before reads this time only of inventories that are being received."""
