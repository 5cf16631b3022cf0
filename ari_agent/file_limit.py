"""How many files, sockets among them, this process may open: as many as the system lets it have."""

from __future__ import annotations

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

MOST_FILES: Final = 1_048_576
"""What Linux allows at most unless `fs.nr_open` says otherwise; asked for where the limit is called infinite."""


def file_limit() -> int:
    """Return how many files this process may have open at the same time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """Raise the limit to the hard one, which needs no privilege: shells and services often begin with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays at %d: %s", soft, error)
