"""Where the database is that nobody has named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DATABASE_FILE: Final = "ari-agent.db"
SERVICE_FOLDER: Final = Path("/var/lib/ari-agent-controller")
"""The state folder of the systemd unit."""


def default_database_url() -> str:
    """Return the URL of the SQLite file that is used where ARI_AGENT_DATABASE_URL is not set.

    That is the first of: `ari-agent.db` in the current directory if it is there (earlier versions made it), in
    SERVICE_FOLDER if this user may write there, in `$XDG_STATE_HOME/ari-agent`, in `~/.local/state/ari-agent`.
    """
    here = Path(DATABASE_FILE).absolute()
    if here.is_file():
        return f"sqlite+aiosqlite:///{here}"
    if os.access(SERVICE_FOLDER, os.W_OK | os.X_OK):
        return f"sqlite+aiosqlite:///{SERVICE_FOLDER / DATABASE_FILE}"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 -- never raises
    return f"sqlite+aiosqlite:///{Path(state).absolute() / 'ari-agent' / DATABASE_FILE}"
