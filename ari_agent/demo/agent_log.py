"""What the demo agent saw of each call, for those who check it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ari_agent.demo.agent_wire import AgentEvent, Heard, MarkReturned, Pressed, Started
from ari_agent.demo.sounds import Samples

MAX_HEARD_FRAMES = 3000  # a minute of 20 ms frames


@dataclass(slots=True)
class AgentCall:
    """One call as its agent saw it."""

    started: Started
    digits: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    frames: list[Samples] = field(default_factory=list)

    @property
    def heard(self) -> Samples:
        """The caller's first minute, at the wire's rate."""
        return np.concatenate(self.frames) if self.frames else np.zeros(0, np.int16)


class AgentLog:
    """Give `note` to `serve_agent` as on_event."""

    def __init__(self, on_event: Callable[[str, AgentEvent], None] | None = None) -> None:
        self.calls: dict[str, AgentCall] = {}
        self._on_event = on_event
        self._changed = asyncio.Event()

    def note(self, call_id: str, event: AgentEvent) -> None:
        """Take one event."""
        if isinstance(event, Started):
            self.calls[call_id] = AgentCall(event)
        call = self.calls.get(call_id)
        match event:
            case Heard(samples) if call and len(call.frames) < MAX_HEARD_FRAMES:
                call.frames.append(samples)
            case Pressed(digit) if call:
                call.digits.append(digit)
            case MarkReturned(name) if call:
                call.marks.append(name)
        if self._on_event and not isinstance(event, Heard):
            self._on_event(call_id, event)
        self._changed.set()

    async def wait_for(self, found: Callable[[AgentCall], bool]) -> AgentCall:
        """The first call of which this is true. Waits for ever: give it a timeout."""
        while True:
            for call in self.calls.values():
                if found(call):
                    return call
            self._changed.clear()
            await self._changed.wait()
