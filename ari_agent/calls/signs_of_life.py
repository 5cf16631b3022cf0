"""Signs of life of a caller from whom no audio came: they tell a silent caller from a dead line. Pure.

A muted phone, a device that only presses keys, a gateway that suppresses silence: each may send no audio for long, and
somebody is there. So when no audio has come within ARI_AGENT_NO_AUDIO_AFTER_S, the call ends only without such signs:

| sign                                          | known from                                   |
|-----------------------------------------------|----------------------------------------------|
| a key, by telephone-event or SIP INFO         | ChannelDtmfReceived                          |
| hold, and its end                             | ChannelHold, ChannelUnhold                   |
| comfort noise (RFC 3389), telephone-events    | the RTP packets that Asterisk has received   |
| reports about our audio (RFC 3550 section 6)  | the RTCP that Asterisk has received          |

Audio that stops in mid-call is judged alike, by the signs that have come since: after twice that time without any, the
far end is dead, such as a trunk over UDP that has vanished.

Audio that reaches Asterisk and not us is no sign of life: the way between the two is broken, and the agent is deaf.
"""

from __future__ import annotations

from typing import Final

from ari_agent.asterisk.rtp_statistics import RtpStatistics

_STREAM_PACKETS: Final = 50
"""So many more packets are audio that was on its way to us: fewer may have come in this very moment."""


class SignsOfLife:
    """What a caller from whom no audio came has done otherwise."""

    def __init__(self) -> None:
        self._has_acted = self._has_acted_since = False
        self._at_last_look: RtpStatistics | None = None

    def caller_acted(self) -> None:
        """Note that the caller pressed a key, or put the call on hold or took it back."""
        self._has_acted = self._has_acted_since = True

    def fault(self, statistics: RtpStatistics | None) -> str | None:
        """Return what is wrong, as half a sentence, where the call is to end; None where somebody is there.

        statistics: what Asterisk has received from the caller; None where it does not say.
        """
        if statistics is not None and statistics.has_audio:
            return (
                f"Asterisk has received audio from the caller ({statistics.rxcount} packets), and none of it has come "
                "to the controller: see ARI_AGENT_RTP_HOST and the firewall between the two"
            )
        if self._has_acted or (statistics is not None and (statistics.rxcount or statistics.has_rtcp)):
            return None
        return "neither audio nor any other sign of life came from the caller"

    def fault_since(self, statistics: RtpStatistics | None, *, is_first: bool) -> str | None:
        """Return what is wrong, as half a sentence, where a call whose audio has stopped is to end; otherwise None.

        statistics: of now; None where Asterisk does not say, and nobody can tell. is_first: the first look of a pause,
        with which the following ones are compared.
        """
        before, self._at_last_look = self._at_last_look, statistics
        has_acted, self._has_acted_since = self._has_acted_since, False
        if is_first or statistics is None or before is None:
            return None
        packets = statistics.rxcount - before.rxcount
        since = RtpStatistics(rxcount=packets, rxoctetcount=statistics.rxoctetcount - before.rxoctetcount)
        if packets >= _STREAM_PACKETS and since.has_audio:
            return (
                f"Asterisk goes on receiving audio from the caller ({packets} packets since the last look), and none "
                "of it comes to the controller any more"
            )
        if has_acted or statistics.from_far_end != before.from_far_end:
            return None
        return "neither audio nor any other sign of life comes from the caller any more"
