"""Log lines for people (`text`) or machines (`json`): one line per transition of a call, never one per packet."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from ari_agent.one_line import one_line

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _facts(record: logging.LogRecord) -> Mapping[str, Any]:
    """The fields that the caller passed as `extra`, by name, without those that are None."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}


class TextFormatter(logging.Formatter):
    """Formats records for people, with every fact as `name=value` behind the message.

    Example: `2026-01-31 12:00:00,000 INFO    calls.session: call routed call_id=call_1 agent_id=agent_1`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback follows on lines of its own."""
        facts = "".join(f" {name}={one_line(str(value))}" for name, value in _facts(record).items())
        name = record.name.removeprefix("ari_agent.")
        line = f"{self.formatTime(record)} {record.levelname:<7} {name}: {one_line(record.getMessage())}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """Formats each record as one JSON object on one line: time, level, logger, message, and every fact by its name."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON, with a traceback as its `traceback`."""
        entry: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def set_up(log_format: Literal["text", "json"], level: str = "info", *, process_number: int | None = None) -> None:
    """Send log records of a level and above to standard error, as text for people or as JSON for machines.

    level: `debug`, `info`, `warning` or `error`. process_number: a fact of every record, where there are several
    processes; None: there is one.
    """
    handler = logging.StreamHandler()

    def number(record: logging.LogRecord) -> bool:
        record.process_number = process_number
        return True

    if process_number is not None:
        handler.addFilter(number)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These log each of their steps at INFO; what matters of them is in the log lines of the call.
    for name in ("alembic", "ari_agent.agents.audio_socket"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
