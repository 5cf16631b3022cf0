"""What went wrong with the database, in words for people."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError


def one_line(error: BaseException) -> str:
    """Return what went wrong in one line, without the statement and its values."""
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = str(cause).strip() or type(cause).__name__
    # asyncpg's errors reach here as "<class 'asyncpg.exceptions.X'>: message"
    return text.splitlines()[0].rpartition("'>: ")[2]
