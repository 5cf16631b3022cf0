"""What the arrival of a caller's packets tells, looked at once a second: nothing of it costs a packet anything. Pure.

| in this second                                                       | event               |
|----------------------------------------------------------------------|---------------------|
| packets from a stranger, none from the address that was announced    | AudioFromElsewhere  |
| packets again after a second without, while the caller is on hold    | AudioAgain          |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ari_agent.calls.media.call_media import AudioAgain, AudioFromElsewhere, MediaEvent

STREAM_PACKETS: Final = 8
"""So many packets in a second are a stream: audio has 10 at least (100 ms each), a stray packet or a scan has few."""


class ArrivalWatch:
    """Watches the packets of one call; see the table above. AudioFromElsewhere is reported once."""

    def __init__(self) -> None:
        self._received = self._foreign = 0
        self._has_paused = False
        self._knows_stranger = False

    def look(self, *, received: int, foreign: int, peer: str, stranger: str, is_away: bool) -> Sequence[MediaEvent]:
        """Return what there is to report.

        received, foreign: packets so far from the announced address and from others. peer: the former, stranger: the
        latest of the latter, both as `host:port`. is_away: the caller is on hold.
        """
        arrived, self._received = received - self._received, received
        strange, self._foreign = foreign - self._foreign, foreign
        found: list[MediaEvent] = []
        if strange >= STREAM_PACKETS and not arrived and not self._knows_stranger:
            self._knows_stranger = True
            found.append(AudioFromElsewhere(announced=peer, actual=stranger))
        comes_again = is_away and self._has_paused and arrived >= STREAM_PACKETS
        if comes_again:
            found.append(AudioAgain())
        self._has_paused = is_away and not comes_again and (self._has_paused or not arrived)
        return found
