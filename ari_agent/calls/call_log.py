"""A logger whose every line names the call: call_id, channel and SIP Call-ID."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the call's names to the `extra` of each line, beside those of the line itself."""

    def learn(self, **names: str | None) -> None:
        """Add names and values of the call that became known later, such as ids, to all further lines."""
        self.extra = {**(self.extra or {}), **names}

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge the call's names with those of the line."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs
