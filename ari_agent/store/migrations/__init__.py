"""Brings a database to this version's schema, and tells a database that is newer.

The scripts in `versions/` are Alembic's and run when the store opens, inside one transaction that other processes
wait for. They name their columns themselves and never import `tables.py`, which goes on changing; a test compares what
they make with it. A released script is never edited: a change is a new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from ari_agent.errors import StoreError

_FOLDER: Final = Path(__file__).parent
SCHEMAS: Final = tuple(sorted(script.name[:4] for script in (_FOLDER / "versions").glob("[0-9]*.py")))
"""The names of all schemas that this version knows, from the first to its own; each script's file begins with its."""
_POSTGRESQL_LOCK: Final = 0x617269  # "ari": any number that no other user of the database takes


def bring_to_head(connection: Connection, *, shown_url: str) -> None:
    """Run what is missing. The connection is inside a transaction, which in SQLite holds the write lock.

    Raises:
        StoreError: the database was made by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
        # Between two statements, an upgrade may have to think about a million calls.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    if require_known_schema(connection, shown_url=shown_url) != SCHEMAS[-1]:
        _upgrade(connection)


def require_known_schema(connection: Connection, *, shown_url: str) -> str | None:
    """Return the name of the schema that the database has; None for a new one. Changes nothing.

    Raises:
        StoreError: the database was made by a newer version.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    present: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if present is not None and present not in SCHEMAS:
        raise StoreError(
            f"the database {shown_url} has schema {present}, made by a newer version of ari-agent; "
            f"this one knows up to {SCHEMAS[-1]}: install the newer version or use another database"
        )
    return present


def _upgrade(connection: Connection) -> None:
    # Imported where they are needed: a start with nothing to do, perhaps with callers on the line, is shorter by them.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
