"""Let keys expire, and remember who created what.

Why: a key without an end opens the API for ever, and schedules of a revoked key went on calling devices. Keys that had
no end get one 90 days after the upgrade; that is marked and written to the audit log. `creator` and `submitter` name
the caller whom nobody else is taken for ("key ID", "person TENANT/OBJECT", "command line"), so that a key's creations
can be found when it is revoked. The ends that were given stay after a downgrade: nobody can tell that they were absent
for a reason.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from orchestrator.store.engine.times import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_LIFETIME = timedelta(days=90)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A migration that waits for a lock makes everybody else wait behind it.
        op.execute("SET LOCAL lock_timeout = '5s'")
    for table, column in _columns():
        op.add_column(table, column)
    now = datetime.now(UTC)
    _give_ends(now)
    _find_creators()


def downgrade() -> None:
    for table, column in _columns():
        op.drop_column(table, str(column.name))


def _columns() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("keys", sa.Column("tenants", sa.Text(), nullable=True)),
        ("keys", sa.Column("creator", sa.Text(), nullable=True)),
        ("keys", sa.Column("last_used_from", sa.Text(), nullable=True)),
        ("keys", sa.Column("replaced_by", sa.String(length=12), nullable=True)),
        ("keys", sa.Column("end_by_upgrade", sa.Boolean(), server_default=sa.false(), nullable=False)),
        ("sessions", sa.Column("tenants", sa.Text(), nullable=True)),
        ("schedules", sa.Column("creator", sa.Text(), nullable=True)),
        ("jobs", sa.Column("submitter", sa.Text(), nullable=True)),
    ]


_keys = sa.table(
    "keys",
    sa.column("id", sa.String),
    sa.column("name", sa.Text),
    sa.column("creator", sa.Text),
    sa.column("expires_at", UtcDateTime()),
    sa.column("revoked_at", UtcDateTime()),
    sa.column("end_by_upgrade", sa.Boolean),
)
_deeds = sa.table(
    "deeds",
    sa.column("number", sa.BigInteger),
    sa.column("at", UtcDateTime()),
    sa.column("who", sa.Text),
    sa.column("origin", sa.Text),
    sa.column("what", sa.String),
    sa.column("subject", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("facts", sa.Text),
)
_schedules = sa.table("schedules", sa.column("name", sa.String), sa.column("creator", sa.Text))
_jobs = sa.table(
    "jobs",
    sa.column("id", sa.String),
    sa.column("status", sa.String),
    sa.column("submitted_by", sa.Text),
    sa.column("submitter", sa.Text),
)


def _give_ends(now: datetime) -> None:
    """Gives every valid key without an end one, and writes that to the audit log."""
    database = op.get_bind()
    endless = sa.select(_keys.c.id, _keys.c.name).where(_keys.c.expires_at.is_(None), _keys.c.revoked_at.is_(None))
    for key in database.execute(endless).all():
        end = now + _LIFETIME
        database.execute(_keys.update().where(_keys.c.id == key.id).values(expires_at=end, end_by_upgrade=True))
        facts = {"name": key.name, "expiresAt": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        database.execute(
            _deeds.insert().values(
                at=now,
                who="upgrade",
                origin="migration",
                what="key.end_given",
                subject=key.id,
                reason="Keys expire from this release on: 90 days after the upgrade.",
                facts=json.dumps(facts),
            )
        )


def _find_creators() -> None:
    """Copies from the audit log which key made a key, a schedule or a job that has not ended."""
    database = op.get_bind()
    made_by_key = sa.select(_deeds.c.subject, _deeds.c.what, _deeds.c.facts).where(
        _deeds.c.what.in_(("key.created", "schedule.added")), _deeds.c.facts.contains('"key": "')
    )
    for deed in database.execute(made_by_key.order_by(_deeds.c.number)).all():
        table, name = (_keys, _keys.c.id) if deed.what == "key.created" else (_schedules, _schedules.c.name)
        database.execute(table.update().where(name == deed.subject).values(creator=f"key {_key_in(deed.facts)}"))
    unfinished = sa.select(_jobs.c.id).where(
        _jobs.c.status.in_(("queued", "running", "paused", "stopped")), _jobs.c.submitted_by.startswith("key:")
    )
    for job in database.execute(unfinished).scalars().all():
        submitted = sa.select(_deeds.c.facts).where(
            _deeds.c.subject == job, _deeds.c.what.in_(("job.submitted", "job.retried"))
        )
        facts = database.execute(submitted).scalars().first()
        if facts is not None and (key := _key_in(facts)) is not None:
            database.execute(_jobs.update().where(_jobs.c.id == job).values(submitter=f"key {key}"))


def _key_in(facts: str | None) -> str | None:
    key = json.loads(facts or "{}").get("key")
    return key if isinstance(key, str) else None
