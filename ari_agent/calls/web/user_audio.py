"""The user's audio on its way to the agent: cut into pieces of 20 ms, looked at for speech, converted. Pure.

A browser sends up to 375 messages a second, so a message costs a copy, and the rest is done 50 times a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import FRAME_MS, SILENCE_DBFS, level_dbfs, ulaw_to_linear
from ari_agent.media.speech_edges import LOOKED_AT, SpeechEdges
from ari_agent.media.transcoder import Transcoder

BYTES_PER_SAMPLE: Final = {"mulaw": 1, "s16le": 2}


def level(sound: bytes, encoding: str) -> float:
    """Return the level of a piece of sound in dBFS. encoding: `mulaw`, or `s16le` for everything else."""
    return level_dbfs(ulaw_to_linear(sound) if encoding == "mulaw" else sound)


class UserAudio:
    """Prepares one user's audio for the agent.

    dbfs: the latest level. spoke: the latest `hear` found speech. speech: when the user begins and stops to speak.
    """

    def __init__(self, audio: AudioFormat, *, agent_encoding: str, agent_hz: int, speech_dbfs: float) -> None:
        """audio: the format in which the user's audio comes. speech_dbfs: sound that is louder counts as speech."""
        self._speech_dbfs = speech_dbfs
        self.dbfs = SILENCE_DBFS
        self.spoke = False
        self._encoding = audio.audio_encoding
        self._piece_bytes = audio.sample_rate * FRAME_MS // 1000 * BYTES_PER_SAMPLE[audio.audio_encoding]
        self._silence = (b"\xff" if self._encoding == "mulaw" else b"\0") * self._piece_bytes
        self._rest = bytearray()  # less than a piece
        self._bytes_per_s = audio.sample_rate * BYTES_PER_SAMPLE[audio.audio_encoding]
        self.speech = SpeechEdges(is_linear=audio.audio_encoding != "mulaw", rate_hz=audio.sample_rate)
        self._latest = b""  # piece that was looked at
        self._transcoder = Transcoder(
            from_encoding=audio.audio_encoding,
            from_hz=audio.sample_rate,
            to_encoding=agent_encoding,
            to_hz=agent_hz,
        )

    def measure_level(self) -> None:
        """Let the level of speech follow the noise; to be called once in a second or two."""
        self.speech.measure(self._latest)

    def hear(self, payload: bytes, *, muted: bool = False, now_s: float = 0.0) -> Iterator[bytes]:
        """Take audio of any length, and yield the pieces for the agent that it completes, as silence where muted.

        now_s: when the last of it was spoken, for `speech`.
        """
        self.spoke = False
        rest, size = self._rest, self._piece_bytes
        if not rest and len(payload) == size:
            yield self._hear_piece(payload, muted=muted, ended_s=now_s)
            return
        rest += payload
        if len(rest) < size:
            return
        whole = bytes(rest[: len(rest) - len(rest) % size])
        del rest[: len(whole)]
        for start in range(0, len(whole), size):
            ended_s = now_s - (len(whole) - start - size) / self._bytes_per_s
            yield self._hear_piece(whole[start : start + size], muted=muted, ended_s=ended_s)

    def _hear_piece(self, piece: bytes, *, muted: bool, ended_s: float) -> bytes:
        speech = self.speech
        speech.frames.append(piece)
        if len(speech.frames) == LOOKED_AT:
            self._latest = piece
            if speech.is_loud(piece) is speech.usual:
                speech.release()
            else:
                speech.look(ended_s)
            self.dbfs = level(piece, self._encoding)
            self.spoke = self.spoke or self.dbfs > self._speech_dbfs
        return self._transcoder.process(self._silence if muted else piece)
