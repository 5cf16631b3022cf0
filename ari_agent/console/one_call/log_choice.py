"""Which lines of a call's log a page shows: all, or those of one subject, or one kind of the agent's messages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.console.one_call.call_log import LogLine

SUBJECTS: Final[Mapping[str, frozenset[str]]] = {
    "messages": frozenset({"agent_message"}),
    "turns": frozenset({"turn", "latency", "model", "key", "answered_by"}),
    "signalling": frozenset({"sip", "state", "hold", "transfer", "transfer_progress", "transfer_outcome"}),
    "routing": frozenset(
        {
            *("call_began", "number", "draw", "routed", "record_began"),
            *("inbound_webhook_asked", "inbound_webhook_failed", "inbound_webhook_answered"),
        }
    ),
    "commands": frozenset({"command", "command_failed"}),
    "media": frozenset({"media", "media_quality", "agent_audio", "recording", "bridged_recording"}),
    "webhooks": frozenset({"webhook"}),
    "faults": frozenset({"fault", "agent_failed", "command_failed", "inbound_webhook_failed", "limit", "unreadable"}),
}
"""The events of each subject, by its name in the link."""
_MOST_KINDS: Final = 30


@dataclass(frozen=True, slots=True)
class LogChoice:
    """What is shown. subject: of SUBJECTS, or "" for all. kind: of the agent's messages, or "" for all.

    subjects, kinds: what may be chosen, with how many lines each has.
    """

    subject: str
    kind: str
    subjects: Mapping[str, int]
    kinds: Mapping[str, int]
    lines: Sequence[LogLine]


def log_choice(lines: Sequence[LogLine], subject: str, kind: str) -> LogChoice:
    """Return the lines of a subject and kind, as a query string names them; what is unknown is all."""
    subject = subject if subject in SUBJECTS else ""
    subjects = {name: sum(line.event in events for line in lines) for name, events in SUBJECTS.items()}
    of_subject = [line for line in lines if not subject or line.event in SUBJECTS[subject]]
    counted = Counter(_kind(line) for line in of_subject) if subject == "messages" else Counter[str]()
    kinds = dict(counted.most_common(_MOST_KINDS))
    kind = kind if kind in kinds else ""
    chosen = [line for line in of_subject if not kind or _kind(line) == kind]
    return LogChoice(subject, kind, {name: count for name, count in subjects.items() if count}, kinds, chosen)


def _kind(line: LogLine) -> str:
    return f"{line.facts.get('direction', '')} {line.facts.get('kind', 'unknown')}".strip()
