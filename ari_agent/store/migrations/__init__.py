"""Brings a database to this version's schema, and tells a database that is newer.

The scripts in `versions/` are Alembic's and run when the store opens, inside one transaction that other processes
wait for. They name their columns themselves and never import `tables.py`, which goes on changing; a test compares what
they make with it. A released script is never edited: a change is a new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ari_agent.errors import StoreError

_FOLDER: Final = Path(__file__).parent
_POSTGRESQL_LOCK: Final = 0x617269  # "ari": any number that no other user of the database takes


def bring_to_head(connection: Connection, *, shown_url: str) -> None:
    """Run what is missing. The connection is inside a transaction, which in SQLite holds the write lock.

    Raises:
        StoreError: the database was made by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    head = ScriptDirectory.from_config(config).get_current_head()
    if require_known_schema(connection, shown_url=shown_url) != (head,):
        command.upgrade(config, "head")


def require_known_schema(connection: Connection, *, shown_url: str) -> tuple[str, ...]:
    """Return the schema that the database has, as names of scripts; empty for a new one. Changes nothing.

    Raises:
        StoreError: the database was made by a newer version.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_heads()
    if unknown := sorted(set(present) - known):
        raise StoreError(
            f"the database {shown_url} has schema {', '.join(unknown)}, made by a newer version of ari-agent; "
            f"this one knows up to {scripts.get_current_head()}: install the newer version or use another database"
        )
    return present


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
