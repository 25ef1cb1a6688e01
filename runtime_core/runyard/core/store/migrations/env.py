"""Runs migrations on the connection it is handed; see `store.migrate`, which is the only caller."""

from alembic import context

from runyard.core.store.tables import metadata

connection = context.config.attributes["connection"]
# SQLite alters a table by making it anew, which alembic calls a batch.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
