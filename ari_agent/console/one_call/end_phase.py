"""What was going on when a call ended, as its public log tells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ari_agent.console.one_call.call_log import LogLine
from ari_agent.console.words import seconds

_PHASES: Final[Mapping[str, str]] = {
    "webhook": "while the inbound webhook was asked",
    "fallback": "while the fallback number was tried",
    "transfer": "while a transfer was on its way",
    "dialling": "while its agent was being reached",
    "waiting": "before its agent was dialled",
    "hold": "while the call was on hold",
    "answer": "while the agent's answer was awaited",
    "speech": "while the caller spoke",
}
"""What may go on, in words; of several the first is told."""

_States = Mapping[str, Mapping[str, bool]]
_STATES: Final[_States] = {
    "talking": {"dialling": False, "waiting": False, "transfer": False},
    "transferring": {"transfer": True},
    "consulting": {"transfer": True},
    "bridged": {"transfer": False, "answer": False, "speech": False},
    "diverted": {"fallback": True, "waiting": False},
}
_TURNS: Final[_States] = {
    "user_voice_began": {"speech": True},
    "user_voice_ended": {"speech": False},
    "agent_asked": {"answer": True, "speech": False},
    "agent_sentence": {"answer": False},
}
_CHANGES: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, bool]]]] = {
    "inbound_webhook_asked": lambda _: {"webhook": True},
    "inbound_webhook_answered": lambda _: {"webhook": False},
    "routed": lambda _: {"webhook": False},
    "record_began": lambda _: {"waiting": True},
    "agent_dialled": lambda _: {"waiting": False, "dialling": True},
    "agent_connected": lambda _: {"dialling": False},
    "agent_failed": lambda _: {"dialling": False, "waiting": False, "answer": False},
    "hold": lambda facts: {"hold": facts.get("holds") is True},
    "state": lambda facts: _STATES.get(str(facts.get("state")), {}),
    "turn": lambda facts: _TURNS.get(str(facts.get("what")), {}),
}
"""What begins and what is over with an event."""


def phase_at_end(lines: Sequence[LogLine]) -> str:
    """Return what was going on when the call ended, and for how long: `while the call was on hold (3.2 s)`.

    Empty where nothing was, or where the log does not tell.
    """
    since: dict[str, float] = {}
    ended_ms = lines[-1].ms if lines else 0.0
    for line in lines:
        if line.event == "call_ended":
            ended_ms = line.ms
            break
        change = _CHANGES.get(line.event)
        for phase, goes_on in (change(line.facts) if change else {}).items():
            if not goes_on:
                since.pop(phase, None)
            else:
                since.setdefault(phase, line.ms)
    for phase, told in _PHASES.items():
        if phase in since:
            return f"{told} ({seconds(ended_ms - since[phase])})"
    return ""
