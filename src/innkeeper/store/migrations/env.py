"""What Alembic runs: the revisions that are due, in one transaction on the caller's connection."""

from alembic import context

from innkeeper.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can do it, Alembic is only careful: half a migration must never stay behind.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
