"""Which calls have lost their Asterisk: ARI does not answer, and no audio comes any more. Pure.

Either alone is no reason to end a call. Audio flows on while ARI is out of reach, and a caller who is muted sends none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOST_AFTER_S: Final = 3.0
"""How long there may be neither ARI nor audio."""
SILENT_LOST_AFTER_S: Final = 30.0
"""The same of a caller of whom no audio is to be expected: not answered yet, on hold, or away in a transfer."""


@dataclass(frozen=True, slots=True)
class CallAudio:
    """The audio of one call. packets: RTP packets received so far. expects_audio: its caller should be sending some."""

    packets: int
    expects_audio: bool


class AsteriskLoss:
    """Tells which calls have lost their Asterisk, from the audio of all calls, looked at now and then."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def lost(self, now_s: float, calls: Mapping[str, CallAudio], *, ari_answers: bool) -> list[str]:
        """Return the ids of the calls that have lost their Asterisk, as far as they were looked at before.

        now_s: of any clock that only goes forward. calls: what each live call shows now, by id.
        """
        if ari_answers:
            self._seen.clear()
            return []
        for call_id, audio in calls.items():
            if call_id not in self._seen or self._seen[call_id][0] != audio.packets:
                self._seen[call_id] = (audio.packets, now_s)
        return [
            call_id
            for call_id, audio in calls.items()
            if now_s - self._seen[call_id][1] >= (LOST_AFTER_S if audio.expects_audio else SILENT_LOST_AFTER_S)
        ]
