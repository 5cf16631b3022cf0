"""A logger whose every line names the call: call_id, channel and SIP Call-ID; faults stand in the public log, too."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from ari_agent.calls.public_log.public_log import NO_LOG, PublicLog


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the call's names to the `extra` of each line, beside those of the line itself. public: the public log."""

    def __init__(self, logger: logging.Logger, names: Mapping[str, object], public: PublicLog = NO_LOG) -> None:
        super().__init__(logger, names)
        self.public = public

    def learn(self, **names: str | None) -> None:
        """Add names and values of the call that became known later, such as ids, to all further lines."""
        self.extra = {**(self.extra or {}), **names}

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write a line; a warning or an error is a `fault` in the public log."""
        super().log(level, msg, *args, **kwargs)
        if level >= logging.WARNING and self.public.takes("fault"):
            text = logging.LogRecord("", level, "", 0, msg, args, None).getMessage()
            content = {"text": text, **(kwargs.get("extra") or {})}
            self.public.add("fault", content, level=logging.getLevelName(level).lower(), what=str(msg))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge the call's names with those of the line."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs
