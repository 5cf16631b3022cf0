"""The user's audio on its way to the agent: cut into pieces of 20 ms, looked at for speech, converted. Pure.

A browser sends up to 375 messages a second, so a message costs a copy, and the rest is done 50 times a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import FRAME_MS, SILENCE_DBFS, level_dbfs, ulaw_to_linear
from ari_agent.media.transcoder import Transcoder

BYTES_PER_SAMPLE: Final = {"mulaw": 1, "s16le": 2}
_LOOKED_AT: Final = 4  # one piece in four is looked at for speech


def level(sound: bytes, encoding: str) -> float:
    """Return the level of a piece of sound in dBFS. encoding: `mulaw`, or `s16le` for everything else."""
    return level_dbfs(ulaw_to_linear(sound) if encoding == "mulaw" else sound)


class UserAudio:
    """Prepares one user's audio for the agent. dbfs: the latest level. spoke: the latest `hear` found speech."""

    def __init__(self, audio: AudioFormat, *, agent_encoding: str, agent_hz: int, speech_dbfs: float) -> None:
        """audio: the format in which the user's audio comes. speech_dbfs: sound that is louder counts as speech."""
        self._speech_dbfs = speech_dbfs
        self.dbfs = SILENCE_DBFS
        self.spoke = False
        self._encoding = audio.audio_encoding
        self._piece_bytes = audio.sample_rate * FRAME_MS // 1000 * BYTES_PER_SAMPLE[audio.audio_encoding]
        self._silence = (b"\xff" if self._encoding == "mulaw" else b"\0") * self._piece_bytes
        self._rest = bytearray()  # less than a piece
        self._pieces = 0
        self._transcoder = Transcoder(
            from_encoding=audio.audio_encoding,
            from_hz=audio.sample_rate,
            to_encoding=agent_encoding,
            to_hz=agent_hz,
        )

    def hear(self, payload: bytes, *, muted: bool = False) -> Iterator[bytes]:
        """Take audio of any length, and yield the pieces for the agent that it completes, as silence where muted."""
        self.spoke = False
        rest, size = self._rest, self._piece_bytes
        if not rest and len(payload) == size:
            yield self._hear_piece(payload, muted=muted)
            return
        rest += payload
        if len(rest) < size:
            return
        whole = bytes(rest[: len(rest) - len(rest) % size])
        del rest[: len(whole)]
        for start in range(0, len(whole), size):
            yield self._hear_piece(whole[start : start + size], muted=muted)

    def _hear_piece(self, piece: bytes, *, muted: bool) -> bytes:
        self._pieces += 1
        if self._pieces % _LOOKED_AT == 0:
            self.dbfs = level(piece, self._encoding)
            self.spoke = self.spoke or self.dbfs > self._speech_dbfs
        return self._transcoder.process(self._silence if muted else piece)
