"""The log of a call as the rows of a table. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ari_agent.console.one_call.call_log import parsed


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event. ms: since the call began, as the log has it. facts, content: in words; "" where there are none."""

    ms: object
    event: str
    facts: str
    content: str


def log_entries(lines: Sequence[bytes]) -> Sequence[LogEntry]:
    """Return the events of these lines of a log, which are a JSON object each.

    What is no JSON object, as after a full disk, is shown as it stands.
    """
    return [_entry(line) for line in lines]


def _entry(line: bytes) -> LogEntry:
    facts = parsed(line)
    if facts is None:
        return LogEntry("", "unreadable", "", line.decode("utf-8", "replace"))
    after_ms, event, content = facts.pop("ms", ""), facts.pop("event", ""), facts.pop("content", None)
    told = ", ".join(f"{name} {_words(value)}" for name, value in facts.items())
    return LogEntry(after_ms, _words(event), told, "" if content is None else _words(content))


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
