"""The log of a call as the rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ari_agent.console.one_call.call_log import LogLine, words


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event. ms: since the call began. facts, content: in words; "" where there are none."""

    ms: int
    event: str
    facts: str
    content: str


def log_entries(lines: Sequence[LogLine]) -> Sequence[LogEntry]:
    """Return the events of these lines of a log."""
    return [_entry(line) for line in lines]


def _entry(line: LogLine) -> LogEntry:
    told = ", ".join(f"{name} {words(value)}" for name, value in line.facts.items() if name != "content")
    content = line.facts.get("content")
    return LogEntry(int(line.ms), line.event, told, "" if content is None else words(content))
