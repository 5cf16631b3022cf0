"""When one agent's websocket is not read for a while, so that no agent keeps the other calls waiting.

| reading pauses while                                  | until                       |
|-------------------------------------------------------|-----------------------------|
| the agent has sent more than its budget               | the budget has filled again |
| long audio that came before waits to be handed on     | it is handed on             |
"""

from __future__ import annotations

import asyncio
from typing import Final

from picows import WSTransport

from ari_agent.agents.token_bucket import TokenBucket

_LOOK_AGAIN_S: Final = 0.25


class ReadPauses:
    """The pauses of one connection. budget: of the bytes that the agent may send.

    rests: whether the agent has sent so much that it is not read for a while.
    """

    def __init__(self, budget: TokenBucket) -> None:
        self._budget = budget
        self._transport: WSTransport | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._waits = self._paused = False

    @property
    def rests(self) -> bool:
        """Return whether the agent has sent so much that it is not read for a while."""
        return self._rest is not None

    def begin(self, transport: WSTransport) -> None:
        """Take the transport of a finished handshake."""
        self._transport = transport

    def end(self) -> None:
        """Let go of the transport, which is gone, or is not to be read any more."""
        self._transport = None
        if self._rest is not None:
            self._rest.cancel()

    def came(self, size_bytes: int) -> None:
        """Count what the agent sent; over the budget, stop reading for a while."""
        if self._transport is None:
            return
        rest_s = self._budget.take(size_bytes, asyncio.get_running_loop().time())
        if rest_s and self._rest is None:
            self._look_again_in(rest_s)
            self._read_or_pause()

    def wait(self, waits: bool) -> None:
        """Take note that something that came before waits to be handed on, or that nothing does any more."""
        self._waits = waits
        self._read_or_pause()

    def _look_again_in(self, rest_s: float) -> None:
        self._rest = asyncio.get_running_loop().call_later(min(rest_s, _LOOK_AGAIN_S), self._look_again)

    def _look_again(self) -> None:
        rest_s = self._budget.take(0, asyncio.get_running_loop().time())
        if rest_s:
            self._look_again_in(rest_s)
            return
        self._rest = None
        self._read_or_pause()

    def _read_or_pause(self) -> None:
        pause = self._rest is not None or self._waits
        if self._transport is None or pause == self._paused or self._transport.underlying_transport.is_closing():
            return
        self._paused = pause
        if pause:
            self._transport.underlying_transport.pause_reading()
        else:
            self._transport.underlying_transport.resume_reading()
