"""The tone that tells both sides of a web call that it is recorded. Pure.

Nobody paces a web call's audio: what the agent says goes out as it comes, and is heard when its turn is. So the tone is
mixed in where it will be heard, however far ahead that is; where the agent is silent it goes out alone.

    heard from at_s on   |--------- agent ---------|            |-- agent --|
    due every every_s             |tone|                 |tone|
"""

from __future__ import annotations

from ari_agent.calls.media.announcement import recording_tone
from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import LINEAR_16K, ULAW, linear_to_ulaw, mix

_CONTIGUOUS_S = 0.001


class WebTone:
    """Lays the tone into one web call's sound. Times are in seconds of any monotonic clock.

    due_s: when the next tone is to be heard that is not laid into any sound yet.
    """

    def __init__(self, audio: AudioFormat, *, every_s: int, start_s: float) -> None:
        """audio: of the sound. every_s: from one tone to the next, more than 0. start_s: the recording begins."""
        self._of = ULAW if audio.audio_encoding == "mulaw" else LINEAR_16K  # which mixes linear audio of any rate
        pcm = recording_tone(audio.sample_rate)
        self._tone = linear_to_ulaw(pcm) if audio.audio_encoding == "mulaw" else pcm
        self._width = BYTES_PER_SAMPLE[audio.audio_encoding]
        self._rate_hz = audio.sample_rate
        self._every_s = every_s
        self._start_s, self.due_s = start_s, start_s + every_s
        self._rest, self._rest_s = b"", 0.0  # of a tone that has begun, and when it is to go on

    def laid_into(self, sound: bytes, at_s: float) -> bytes:
        """Return a piece of the agent's sound, heard from at_s on, with the tones that are due while it is heard."""
        ends_s = at_s + len(sound) / self._width / self._rate_hz
        if self._rest and at_s <= self._rest_s + _CONTIGUOUS_S:
            sound = self._lay(sound, self._rest, 0)
        else:
            self._rest = b""
        while self.due_s < ends_s:
            offset = round(max(0.0, self.due_s - at_s) * self._rate_hz) * self._width
            sound = self._lay(sound, self._tone, offset)
            self._next(max(self.due_s, at_s))
        self._rest_s = ends_s
        return sound

    def alone(self, now_s: float) -> bytes:
        """Return the tone if it is due, else nothing; for when the agent is not heard."""
        if now_s < self.due_s:
            return b""
        self._next(now_s)
        return self._tone

    def leave_out(self, until_s: float) -> None:
        """Forget the tones that were due before, because what they were mixed into is cleared, or recording paused."""
        self._rest = b""
        self.due_s = self._start_s
        self._next(until_s)

    def _next(self, after_s: float) -> None:
        """Let the next tone be due at the first whole interval after this time."""
        self.due_s = self._start_s + (int((after_s - self._start_s) / self._every_s) + 1) * self._every_s

    def _lay(self, sound: bytes, tone: bytes, offset: int) -> bytes:
        end = min(len(sound), offset + len(tone))
        self._rest = tone[max(0, end - offset) :]
        if end <= offset:
            return sound
        return sound[:offset] + mix(sound[offset:end], tone[: end - offset], self._of) + sound[end:]
