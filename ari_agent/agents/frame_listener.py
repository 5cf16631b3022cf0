"""The frames of one agent's websocket, as picows hands them over: what is whole goes on, and fragments are joined.

Audio goes straight from here to its listener. A message that is too large is skipped, up to SKIPPED_BYTES above what is
allowed; a frame is held in memory as a whole, because websockets give no way to refuse one and go on.
"""

from __future__ import annotations

from typing import Final, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.wav_header import RIFF
from ari_agent.errors import AgentCorruptPayload

SKIPPED_BYTES: Final = 32 * 1024 * 1024
"""How much larger than allowed a message may be that is skipped and answered with an error. A frame is held whole."""
FRAME_BYTES: Final = 64
"""What a frame counts for besides its payload: to take in an empty one is work, too (1 to 2 microseconds)."""
LOOK_EACH_BYTES: Final = 256 * 1024
"""Payload and frames between two looks at the clock: every few seconds, of an agent that sends in real time."""

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY


class FrameOwner(Protocol):
    """Who is told what comes; AudioSocket. messages_in: counted by the listener where audio goes straight on."""

    messages_in: int

    def opened(self, transport: WSTransport) -> None:
        """Take the transport of a finished handshake."""

    def closed(self, transport: WSTransport, code: int, reason: str) -> None:
        """Take note that this websocket is gone. code: 1005 when none was given, 1006 when it just vanished."""

    def text(self, text: bytes) -> None:
        """Take a whole text message. Raises: AgentCorruptPayload."""

    def binary(self, data: bytes) -> None:
        """Take a whole binary message. Raises: AgentCorruptPayload."""

    def bad(self, error: AgentCorruptPayload) -> None:
        """Take note of a message that cannot be understood or is too large."""

    def broken(self, error: AgentCorruptPayload, code: int) -> None:
        """Close the websocket with this code, because no sense can be made of what comes."""

    def pong(self, payload: bytes) -> None:
        """Take note of an answer to a ping, or of a pong that nobody asked for."""

    def congested(self, now: bool) -> None:
        """Hold messages back because the agent reads too slowly, or send them again."""

    def came(self, size_bytes: int) -> None:
        """Count what has come from the agent: the bytes of payload, and FRAME_BYTES for each frame."""


class Listener(Protocol):
    """Gets the agent's audio when it needs no other handling."""

    def on_agent_audio(self, payload: bytes) -> None:
        """Take a piece of audio of the agent, in the encoding of its protocol."""


class FrameListener(WSListener):
    """The callbacks of picows: joins fragments, answers pings and the closing handshake, passes on what is whole."""

    def __init__(self, owner: FrameOwner, protocol: AgentProtocol, events: Listener) -> None:
        self._owner = owner
        self._read_audio = protocol.read_audio
        self._hear = events.on_agent_audio
        self._audio_is_binary = protocol.audio_is_binary
        self._limit_bytes = protocol.max_message_bytes
        self._fragments: bytearray | None = None
        self._fragments_type = _TEXT
        self._fragments_bytes = 0
        self._in_line = False
        self._congested = False
        self._direct = True  # neither fragments nor long audio are pending
        self._came_bytes = 0
        self._code, self._reason = 1006, ""

    def wait_in_line(self, wait: bool) -> None:
        """Let audio wait behind what came before it, or go straight to its listener again."""
        self._in_line = wait
        self._direct = not wait and self._fragments is None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._owner.opened(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        self._came_bytes += frame.payload_size + FRAME_BYTES
        try:
            if self._came_bytes >= LOOK_EACH_BYTES:
                self._owner.came(self._came_bytes)
                self._came_bytes = 0
                if frame.payload_size >= LOOK_EACH_BYTES:
                    return self._unusual(transport, frame, kind)
            if self._direct and frame.fin:
                # The hot path: audio goes straight to its listener.
                if kind is _TEXT:
                    text = frame.get_payload_as_bytes()
                    audio = self._read_audio(text)
                    if audio is None:
                        return self._owner.text(text)
                    if audio[:4] == RIFF:
                        return self._owner.text(text)
                    self._owner.messages_in += 1
                    return self._hear(audio)
                if kind is _BINARY and self._audio_is_binary:
                    audio = frame.get_payload_as_bytes()
                    if audio[:4] == RIFF:
                        return self._owner.binary(audio)
                    self._owner.messages_in += 1
                    return self._hear(audio)
            self._unusual(transport, frame, kind)
        except AgentCorruptPayload as error:
            self._owner.bad(error)

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        if frame.msg_type != WSMsgType.PONG:
            return False
        self._owner.pong(frame.get_payload_as_bytes())  # while picows waits for a sign of life, it keeps pongs
        return True

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._owner.closed(transport, self._code, self._reason)

    def pause_writing(self) -> None:
        self._congested = True
        self._owner.congested(True)

    def resume_writing(self) -> None:
        self._congested = False
        self._owner.congested(False)

    def _unusual(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        if kind == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self._code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._reason = payload[2:].decode(errors="replace")
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind == WSMsgType.PING:
            if not self._congested:  # answers to an agent that reads none would be kept for it without an end
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            self._owner.pong(frame.get_payload_as_bytes())
        elif kind in (_TEXT, _BINARY) and frame.fin and self._fragments is None:
            self._require_size(frame.payload_size)
            self._whole(kind, frame.get_payload_as_bytes())
        elif kind in (_TEXT, _BINARY, WSMsgType.CONTINUATION):
            self._fragment(frame, kind)

    def _fragment(self, frame: WSFrame, kind: WSMsgType) -> None:
        if (kind == WSMsgType.CONTINUATION) != (self._fragments is not None):
            self._owner.broken(AgentCorruptPayload("fragments out of order (RFC 6455 section 5.4)"), code=1002)
            return
        if self._fragments is None:
            self._fragments, self._fragments_type, self._fragments_bytes = bytearray(), kind, 0
            self._direct = False
        self._fragments_bytes += frame.payload_size
        if self._fragments_bytes <= self._limit_bytes:
            self._fragments += frame.get_payload_as_memoryview()
        else:
            self._fragments.clear()
            if self._fragments_bytes > self._limit_bytes + SKIPPED_BYTES:
                error = AgentCorruptPayload(f"a message of over {self._limit_bytes + SKIPPED_BYTES} bytes")
                self._owner.broken(error, code=1009)
                return
        if frame.fin:
            message, self._fragments = bytes(self._fragments), None
            self._direct = not self._in_line
            self._require_size(self._fragments_bytes)
            self._whole(self._fragments_type, message)

    def _require_size(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise AgentCorruptPayload(f"a message of {size_bytes} bytes; at most {self._limit_bytes} are taken")

    def _whole(self, kind: WSMsgType, message: bytes) -> None:
        if kind == _TEXT:
            self._owner.text(message)
        else:
            self._owner.binary(message)
