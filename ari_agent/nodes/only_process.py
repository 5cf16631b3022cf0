"""Keeps a second controller away from a database that is a file.

What is not in the database, such as who holds a slot, is in the memory of its one controller. Others may read the file
meanwhile, as `ari-agent check` and the command line of SQLite do.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ari_agent.errors import StoreError

log = logging.getLogger(__name__)


@contextmanager
def only_process(database: Path) -> Iterator[None]:
    """Hold a lock on a file beside the database, which falls with this process, however it ends.

    A lock of POSIX, not of BSD: it works over NFS, and no process that is forked keeps it when this one dies. Where the
    file system has no locks, the log says so and there is none; where the folder takes no file, SQLite will say it.

    Raises:
        StoreError: another process has it.
    """
    path = f"{os.path.realpath(database)}.lock"
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(held)
        raise StoreError(
            f"another controller serves {database} already: stop it, give this one a database of its own, or let "
            "both share a PostgreSQL"
        ) from None
    except OSError as error:
        log.warning("nothing keeps a second controller away from the database: %s", error, extra={"path": path})
    try:
        yield
    finally:
        os.close(held)
