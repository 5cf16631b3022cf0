"""The recording of a web call, whose audio nobody paces: it is laid on the time axis by the clock. Pure.

- The user's audio ends when it comes, or stands behind what came before. Where it is late there is silence before it,
  which goes again if what follows comes in a burst, so that it was the network: for a second, then it is given away.
  What comes too early after that is left out.
- The agent's audio comes in bursts and is heard later: it stands where its turn is, and what is cleared before is gone.

What nothing can change any more is given away: what both have said up to now, but for the latest second where the
user's audio is missing, or was late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat
from ari_agent.media.recorder import Recorder
from ari_agent.media.transcoder import Transcoder

_PATIENCE_S: Final = 1.0
_UNITS_PER_S: Final = 8000
_LATE_UNITS: Final = 800  # 100 ms: messages of a live stream are no more apart from real time than this
_AHEAD_UNITS: Final = 1600
_ROUNDING_UNITS: Final = 40  # 5 ms


def recorded_format(audio: AudioFormat) -> SampleFormat:
    """Return in which format a front end's audio is recorded: mu-law, or s16le at 16 kHz where it has as much."""
    is_wide = audio.audio_encoding == "s16le" and audio.sample_rate >= LINEAR_16K.rate_hz
    return LINEAR_16K if is_wide else ULAW


class WebRecording:
    """Records one web call. Times are in seconds of any monotonic clock."""

    def __init__(self, write: Callable[[bytes], None], audio: AudioFormat, *, agent_only: bool, start_s: float) -> None:
        """write: takes stereo audio in recorded_format(audio). audio: how it travels. start_s: the recording begins."""
        self._of = recorded_format(audio)
        self._recorder = Recorder(write, of=self._of, agent_only=agent_only)
        self._start_s = start_s
        self._silence = b"\xff" if audio.audio_encoding == "mulaw" else b"\0"
        self._bytes_per_s = audio.sample_rate * BYTES_PER_SAMPLE[audio.audio_encoding]
        self._user, self._agent = bytearray(), bytearray()  # from self._written on
        self._written = 0  # units
        self._gap_at = self._gap = 0  # the latest silence before audio that was late, in units
        self._from_user, self._from_agent = self._transcoder(audio), self._transcoder(audio)

    def _transcoder(self, audio: AudioFormat) -> Transcoder:
        encoding = "mulaw" if self._of is ULAW else "s16le"
        return Transcoder(
            from_encoding=audio.audio_encoding, from_hz=audio.sample_rate, to_encoding=encoding, to_hz=self._of.rate_hz
        )

    def hear(self, payload: bytes, now_s: float, *, muted: bool = False) -> None:
        """Take the next piece of the user's audio, of any length; as silence where muted."""
        sound = self._from_user.process(self._silence * len(payload) if muted else payload)
        late = self._units(now_s) - self._end(self._user) - len(sound) // self._of.unit_bytes
        if late > _LATE_UNITS:
            self._gap_at, self._gap = self._end(self._user), late
            self._user += self._of.silence * late
        elif late < -_ROUNDING_UNITS and self._gap:
            self._shorten_gap(-late)
        elif late < -_AHEAD_UNITS:
            return
        self._user += sound

    def play(self, sound: bytes, at_s: float) -> None:
        """Take a piece of the agent's audio that is heard from at_s on, after all that was taken before."""
        gap = self._units(at_s) - self._end(self._agent)
        if gap > _ROUNDING_UNITS:
            self._agent += self._of.silence * gap
        self._agent += self._from_agent.process(sound)

    def clear(self, now_s: float) -> None:
        """Forget the agent's audio that was to be heard from now on."""
        del self._agent[max(0, self._units(now_s) - self._written) * self._of.unit_bytes :]
        self._from_agent.reset()

    def pause(self, paused: bool, now_s: float) -> None:
        """Record silence from now on, or end that."""
        self._give(self._units(now_s))
        self._recorder.pause(paused)

    def stop(self, now_s: float) -> None:
        """Record nothing more from now on: here the recording ends."""
        self._give(self._units(now_s))
        self._recorder.stop()

    def flush(self, now_s: float) -> None:
        """Give away what nothing can change any more; to be called every `GIVE_EACH_S` (media/recorder.py) or so."""
        oldest, gap_end = self._units(now_s - _PATIENCE_S), self._gap_at + self._gap
        settled = min(self._units(now_s), self._end(self._user))
        if self._gap and gap_end > oldest:
            settled = min(settled, self._gap_at)
        self._give(max(oldest, settled))

    def close(self, now_s: float) -> None:
        """Give away the rest, up to now."""
        self._give(self._units(now_s))

    def _shorten_gap(self, units: int) -> None:
        start = max(0, self._gap_at - self._written)
        kept = max(0, self._gap_at + self._gap - self._written - start)  # of the gap, what is not given away yet
        gone = min(units, kept)
        self._gap -= gone
        del self._user[start * self._of.unit_bytes : (start + gone) * self._of.unit_bytes]
        if gone < units:
            self._gap = 0

    def _units(self, at_s: float) -> int:
        return round((at_s - self._start_s) * _UNITS_PER_S)

    def _end(self, side: bytearray) -> int:
        return self._written + len(side) // self._of.unit_bytes

    def _give(self, until: int) -> None:
        units = until - self._written
        if units <= 0:
            return
        size = units * self._of.unit_bytes
        for side, hear in ((self._user, self._recorder.hear_caller), (self._agent, self._recorder.hear_agent)):
            hear(bytes(side[:size]) + self._of.silence * ((size - len(side[:size])) // self._of.unit_bytes))
            del side[:size]
        self._written = until
        self._recorder.flush(until)
