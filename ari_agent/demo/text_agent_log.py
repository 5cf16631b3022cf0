"""What was said in the calls of the demo's agents that speak for a text, told line by line as it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class TextAgentLog:
    """Follows the transcripts of all calls of an agent. Give `note` to `serve_text_agent` as on_message.

    on_line: gets the call's id and an utterance such as `user: help`, once each, when it is over.
    """

    def __init__(self, on_line: Callable[[str, str], None]) -> None:
        self._on_line = on_line
        self._transcripts: dict[str, Sequence[Mapping[str, Any]]] = {}
        self._told: dict[str, int] = {}
        self._changed = asyncio.Event()

    def note(self, call_id: str, message: Mapping[str, Any]) -> None:
        """Take one message of ari-agent's to the agent."""
        match message:
            case {"transcript": [*said]}:
                self._transcripts[call_id] = said
                self._tell(call_id, len(said) - 1)  # the last one may go on
                self._changed.set()

    async def wait_for(self, role: str, words: str) -> str:
        """Wait until somebody has said these words, in upper or lower case, and return the call's id.

        Waits without end: give it a timeout.
        """
        while True:
            for call_id, said in self._transcripts.items():
                if any(entry["role"] == role and words.lower() in entry["content"].lower() for entry in said):
                    return call_id
            self._changed.clear()
            await self._changed.wait()

    def finish(self, call_id: str) -> None:
        """Tell the last utterance of a call that is over; does nothing for a call in which nothing was said."""
        self._tell(call_id, len(self._transcripts.get(call_id, ())))

    def _tell(self, call_id: str, count: int) -> None:
        for entry in self._transcripts.get(call_id, ())[self._told.get(call_id, 0) : count]:
            self._on_line(call_id, f"{entry['role']}: {entry['content']}")
        self._told[call_id] = max(count, self._told.get(call_id, 0))
