"""The console for whoever watches the demo: where it is, and a link that logs in once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ari_agent.console.login.login import LINK_S, login_link


@dataclass(frozen=True, slots=True)
class ConsolePages:
    """Where browsers find the controller, such as `http://127.0.0.1:8080`, and the keys that sign its logins."""

    url: str
    api_key: str = field(repr=False)
    read_only_key: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """Return where the first page is."""
        return f"{self.url}/console"

    def invitation(self, look_at: str) -> str:
        """Return a line with a new link, and what to look at there."""
        link = self.url + login_link(self.api_key, self.read_only_key, now_s=time.time())
        return f"console: {link} (logs in once, within {LINK_S // 60} minutes): {look_at}"
