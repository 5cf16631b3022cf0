"""The public log of a call, as a page reads it: lines with their time, their event and their facts. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event. ms: since the call began. facts: all else that the line says."""

    ms: float
    event: str
    facts: Mapping[str, Any]


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a line; None where it is none, as after a full disk."""
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def log_lines(text: bytes) -> Sequence[LogLine]:
    """Return the lines of a log, or of a part of one: what is cut off at its end is left out.

    A line that cannot be read is the event `unreadable`, at the time of the line before, with the text as its content.
    """
    found: list[LogLine] = []
    for raw in text.split(b"\n")[:-1]:
        facts = _parsed(raw)
        if facts is None:
            facts = {"event": "unreadable", "content": raw.decode("utf-8", "replace")}
        after_ms = number(facts.pop("ms", None))
        if after_ms is None:
            after_ms = found[-1].ms if found else 0.0
        found.append(LogLine(after_ms, words(facts.pop("event", "")), facts))
    return found


def words(value: object) -> str:
    """Return a value of a log as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number(value: object) -> float | None:
    """Return a number of a log as it is; None where it is none, or not finite."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]
    except OverflowError:
        return None
