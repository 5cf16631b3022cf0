"""Where the voice in a piece of sound ended, found from behind. Pure, but for the detector that it is given.

    sound         ######  ####~~~~~~~~~     # is voice, ~ noise, keys, music
    the detector              ◀────────     1. hears it backwards, and stops at the first voice that it meets
                       ───────────────▶     2. hears the rest forwards, and may be sure that all of it is voice

Forwards, a detector that has heard a voice takes the noise behind it for voice, too, for 0.2 to 0.8 s. Backwards it has
heard nothing but the noise when it meets the voice, and of a long sentence only the end costs anything. But a voice
that comes out of nothing is none to it for up to 0.5 s: so the last 64 ms are played to it forwards first, and it is
asked again, forwards, before a voice is cut short. Figures: tests/benchmarks/README.md, "Where a voice ended".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ari_agent.media.audio import reverse
from ari_agent.speech.voice_activity import WINDOW_BYTES, WINDOW_MS, VoiceDetector, VoiceListening

_THRESHOLD: Final = 0.4
_WINDOWS_OF_A_VOICE: Final = 4
_LATE_WINDOWS: Final = 2  # of a voice that it comes upon, the detector misses so many
_LEAD_BYTES: Final = 2 * WINDOW_BYTES
_SURE: Final = 0.95
_LEAST_WINDOWS: Final = 3  # a shorter rest is not worth a second look
_BEFORE_BYTES: Final = 16 * WINDOW_BYTES  # half a second of voice, to get into it


def since_voice_s(backward: Iterable[bytes], detector: VoiceDetector) -> float | None:
    """Return how many seconds of a sound follow the last voice in it; None where there is no voice in it.

    backward: s16le at RATE_HZ from the end of the sound to its beginning, in pieces of any length; no more of them are
    taken than it needs. The result is a multiple of 32 ms.
    """
    listening = detector.open()
    heard = b""
    count = voiced = 0  # windows
    for piece in backward:
        heard += piece
        if not count:
            if len(heard) < _LEAD_BYTES:
                continue
            listening.hear(reverse(heard[:_LEAD_BYTES]))
        for probability in _hear(listening, heard, count):
            count += 1
            voiced = voiced + 1 if probability > _THRESHOLD else 0
            if voiced == _WINDOWS_OF_A_VOICE:
                after = max(0, count - voiced - _LATE_WINDOWS)
                goes_on = after >= _LEAST_WINDOWS and _is_voice_to_its_end(heard, after, detector)
                return 0.0 if goes_on else after * WINDOW_MS / 1000
    return None


def _hear(listening: VoiceListening, heard: bytes, count: int) -> Sequence[float]:
    """Return what a detector says of the whole windows of a sound, after the first `count`."""
    windows = heard[count * WINDOW_BYTES : len(heard) - len(heard) % WINDOW_BYTES]
    return listening.hear(windows) if windows else ()


def _is_voice_to_its_end(heard: bytes, after: int, detector: VoiceDetector) -> bool:
    """Return whether a sound, which is given from its end on, is one voice all along its last `after` windows."""
    whole = min(len(heard) - len(heard) % WINDOW_BYTES, after * WINDOW_BYTES + _BEFORE_BYTES)
    return detector.open().hear(reverse(heard[:whole]))[-1] > _SURE
