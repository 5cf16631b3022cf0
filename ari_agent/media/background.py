"""A sound under what the caller hears, frame by frame, that begins anew at its end. Pure."""

from __future__ import annotations

from ari_agent.media.audio import FRAME_UNITS, SampleFormat, mix


class Background:
    """Lays a sound under the frames of one call: to be called with each of them in turn."""

    __slots__ = ("_at", "_frame_bytes", "_of", "_sound")

    def __init__(self, sound: bytes, of: SampleFormat) -> None:
        """sound: whole frames of 20 ms, at least one, in the format of the line. of: that format."""
        self._sound, self._of = sound, of
        self._frame_bytes = FRAME_UNITS * of.unit_bytes
        self._at = 0

    def __call__(self, frame: bytes) -> bytes:
        """Return a frame of 20 ms with the next 20 ms of the sound under it, clipped at full scale."""
        at = self._at
        end = at + self._frame_bytes
        sound = self._sound
        self._at = end if end < len(sound) else 0
        return mix(frame, sound[at:end], self._of)
