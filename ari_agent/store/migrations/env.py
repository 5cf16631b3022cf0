"""Alembic's entry: runs the scripts on the connection that `bring_to_head` hands over."""

from alembic import context

from ari_agent.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
