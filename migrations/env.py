"""How Alembic reaches the database: on the connection it is given, never on one of its own."""

from __future__ import annotations

from alembic import context

from orchestrator.store.engine.indexes import complete_metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=complete_metadata(),
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
