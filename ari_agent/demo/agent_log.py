"""Keeps what the demo's agent was told about each call, for those who check it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ari_agent.demo.agent_wire import (
    AgentEvent,
    AudioHeard,
    CallStarted,
    KeyPressed,
    MarkReturned,
    TransferEnded,
    TransferStep,
)
from ari_agent.demo.sounds import Samples

MAX_HEARD_FRAMES = 3000
"""Frames kept of each call: a minute of 20 ms frames."""


@dataclass(slots=True)
class AgentCall:
    """One call as its agent saw it: how it began, keys, marks that came back, what transfers came to, and the audio."""

    started: CallStarted
    digits: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    transfer_statuses: list[str] = field(default_factory=list)
    frames: list[Samples] = field(default_factory=list)

    @property
    def heard(self) -> Samples:
        """Return the first minute of what the agent heard, at the rate of its wire."""
        return np.concatenate(self.frames) if self.frames else np.zeros(0, np.int16)


class AgentLog:
    """Records the events of all calls, by call_id. Give `note` to `serve_agent` as on_event."""

    def __init__(self, on_event: Callable[[str, AgentEvent], None] | None = None) -> None:
        self.calls: dict[str, AgentCall] = {}
        self._on_event = on_event
        self._changed = asyncio.Event()

    def note(self, call_id: str, event: AgentEvent) -> None:
        """Record one event, and pass it on to this log's own on_event unless it is audio."""
        if isinstance(event, CallStarted):
            self.calls[call_id] = AgentCall(event)
        call = self.calls.get(call_id)
        match event:
            case AudioHeard(samples) if call and len(call.frames) < MAX_HEARD_FRAMES:
                call.frames.append(samples)
            case KeyPressed(digit) if call:
                call.digits.append(digit)
            case MarkReturned(name) if call:
                call.marks.append(name)
            case TransferEnded(status) | TransferStep(status) if call:
                call.transfer_statuses.append(status)
        if self._on_event and not isinstance(event, AudioHeard):
            self._on_event(call_id, event)
        self._changed.set()

    async def wait_for(self, found: Callable[[AgentCall], bool]) -> AgentCall:
        """Return the first call of which `found` is true. Waits without end: give it a timeout."""
        while True:
            for call in self.calls.values():
                if found(call):
                    return call
            self._changed.clear()
            await self._changed.wait()
