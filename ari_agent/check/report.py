"""Writes the findings of `ari-agent check` for people, in groups, or for scripts, as JSON. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ari_agent.check.finding import Finding, Status
from ari_agent.one_line import one_line

_NAME_WIDTH: Final = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the report. group, name: which check found it; a name may occur several times, once for each URL."""

    group: str
    name: str
    finding: Finding


def has_failed(entries: Sequence[Entry]) -> bool:
    """Tell whether something that calls need does not work. A warning is no failure."""
    return any(entry.finding.status is Status.FAILED for entry in entries)


def as_text(entries: Sequence[Entry]) -> str:
    """Return one line for each finding under the name of its group, and a last line that counts them."""
    lines = []
    for group, members in groupby(entries, key=lambda entry: entry.group):
        lines.append(group)
        lines += [_line(entry) for entry in members]
    counted = Counter(entry.finding.status for entry in entries)
    lines.append(", ".join(f"{counted[status]} {status.value}" for status in Status))
    return "\n".join(lines)


def as_json(entries: Sequence[Entry]) -> str:
    """Return `{"status": ..., "findings": [...]}`.

    status: `failed` or else `warning` where there is such a finding, else `ok`. A finding has the keys group, name,
    status (ok, warning, failed or skipped), what and remedy, which are texts; remedy may be empty.
    """
    present = {entry.finding.status for entry in entries}
    worst = next((status for status in (Status.FAILED, Status.WARNING) if status in present), Status.OK)
    findings = [
        {
            "group": entry.group,
            "name": entry.name,
            "status": entry.finding.status.value,
            "what": one_line(entry.finding.what),
            "remedy": one_line(entry.finding.remedy),
        }
        for entry in entries
    ]
    return json.dumps({"status": worst.value, "findings": findings}, indent=2, ensure_ascii=False)


def _line(entry: Entry) -> str:
    status = entry.finding.status.value
    return f"  {status:8} {entry.name:{_NAME_WIDTH}} {one_line(str(entry.finding))}"
