"""The sockets and the clock of a recording that goes on when caller and target were left alone: see LineRecorder.

made: silence is recorded ─▶ open ─▶ accept_from, for each leg ─▶ close
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from ari_agent.contract.sip_timeline import SipLeg
from ari_agent.media.line_recorder import HeardLine, LineRecorder
from ari_agent.media.socket import RtpPorts, RtpSocket
from ari_agent.media.wheel import Wheel

LEGS: Final[tuple[SipLeg, ...]] = ("caller", "target")
"""The legs of a call that are heard, each on a line of its own."""


class LineRecording:
    """Records caller and target, each by RTP on a port of their own. codec: in which Asterisk must send it."""

    def __init__(self, recorder: LineRecorder, *, codec: str, ports: RtpPorts, wheel: Wheel) -> None:
        self.codec = codec
        self.is_open = True
        self._recorder, self._ports = recorder, ports
        self._lines: Mapping[SipLeg, HeardLine] = {"caller": recorder.caller, "target": recorder.target}
        self._sockets: dict[SipLeg, RtpSocket] = {}
        self._clock = asyncio.get_running_loop().time
        self._ticker = wheel.add(recorder.tick, self._catch_up, lambda _: None)

    def open(self) -> Mapping[SipLeg, tuple[str, int]]:
        """Bind both UDP ports, and return the addresses that Asterisk must send to. Raises: NoRtpPort."""
        for leg in LEGS:
            self._sockets[leg] = self._open(self._lines[leg])
        return {leg: (self._ports.announced_host, opened.address[1]) for leg, opened in self._sockets.items()}

    def _open(self, line: HeardLine) -> RtpSocket:
        return self._ports.open(lambda datagram: line.receive(datagram, self._clock()))

    def accept_from(self, leg: SipLeg, host: str, port: int) -> None:
        """Take RTP of one leg from Asterisk's address alone. host: numeric."""
        self._sockets[leg].accept_from(host, port)

    def _catch_up(self, _now_s: float) -> None:
        for opened in self._sockets.values():
            opened.read_waiting()

    def pause(self, paused: bool) -> bool:
        """Record silence from now on, or end that; False where nothing is recorded any more."""
        if self.is_open:
            self._recorder.pause(paused)
        return self.is_open

    def close(self) -> None:
        """End the recording; sockets and timers are gone. Idempotent."""
        if not self.is_open:
            return
        self.is_open = False
        self._ticker.remove()
        for opened in self._sockets.values():
            opened.close()
        self._recorder.close()
