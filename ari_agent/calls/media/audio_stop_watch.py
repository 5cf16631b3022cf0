"""When a caller's audio stops in mid-call, looked at once a second. Pure.

A far end that has died sends nothing any more, and where it speaks UDP no one is told. A phone that is muted, or a
gateway that suppresses silence, may send nothing for as long: so this only asks to look for other signs of life.
"""

from __future__ import annotations

from ari_agent.calls.media.call_media import AudioStopped


class AudioStopWatch:
    """Counts how long no packet has come. after_s: so long, and as long again each time, until it is told; 0: never."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._received = 0
        self._since_s = 0.0
        self._told = 0

    def look(self, now_s: float, *, received: int, is_away: bool) -> AudioStopped | None:
        """Return what there is to report.

        received: packets so far; those who never sent one are another's matter. is_away: the caller is on hold.
        """
        if received == 0 or is_away or received != self._received:
            self._received, self._since_s, self._told = received, now_s, 0
            return None
        if not self._after_s or now_s - self._since_s < self._after_s * (self._told + 1):
            return None
        self._told += 1
        return AudioStopped(is_first=self._told == 1)
