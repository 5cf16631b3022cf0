"""What both sides of a bridge hear, given away as stereo while somebody listens in.

    caller's audio, as the agent gets it  ──▶ left  ─┐
                                                     ├─▶ write(stereo), every 60 ms
    RTP, as it goes out to the caller     ──▶ right ─┘

A bridge without a tap does nothing for it, and whether it is recorded makes no difference: a tap stands before the
agent's encoding and in the place of the socket, both of which it gives back. What the caller hears is on the time axis
where the timestamps of its RTP have it; what the agent hears, where the jitter buffer has it. The axis begins with the
tap.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import HeardEncoding
from ari_agent.media.audio import SampleFormat
from ari_agent.media.bridge import Bridge
from ari_agent.media.line import Line
from ari_agent.media.recorder import Recorder

_GIVE_EACH_PACKETS: Final = 3
_LONGEST_LEAP: Final = rtp.CLOCK_HZ  # where nothing was sent for longer, the axis begins anew


class BridgeTap:
    """Listens in on a bridge that has started, from now on until `close`.

    write: takes stereo audio, the caller left, in samples of `samples`; must not wait. clock: that of the bridge.
    """

    def __init__(
        self, bridge: Bridge, line: Line, *, write: Callable[[bytes], None], clock: Callable[[], float]
    ) -> None:
        self.samples: SampleFormat = line.audio
        self._bridge, self._write, self._clock = bridge, write, clock
        self._decode = line.new_decoder() if line.new_decoder else None
        self._encoding, self._send_rtp = bridge.encoding, bridge.send_rtp
        self._packets = 0
        self._begin(paused=False)
        bridge.send_rtp = self._sent

    def _begin(self, *, paused: bool) -> None:
        self._recorder = Recorder(self._write, of=self.samples)
        self._recorder.pause(paused)
        self._bridge.encoding = HeardEncoding(self._encoding, self._recorder.hear_caller)
        self._start_s = self._clock()
        self._due: int | None = None  # the timestamp of the next packet to the caller, unless something is left out
        # Until the first packet, which a busy machine may send late: by those that follow it is known better.
        self._waited_s = inf

    def pause(self, paused: bool) -> None:
        """Give silence away from now on in place of both sides, or end that."""
        self._flush()
        self._recorder.pause(paused)

    def close(self) -> None:
        """Give away what is left, and let the bridge go on as before. To be called once."""
        self._bridge.encoding, self._bridge.send_rtp = self._encoding, self._send_rtp
        self._recorder.close(self._caller_end)

    def _sent(self, datagram: bytes) -> None:
        send = self._send_rtp
        send(datagram)
        packet = rtp.parse(datagram)
        if self._due is not None and packet.timestamp != self._due:
            self._leap(rtp.timestamp_delta(packet.timestamp, self._due))
        if self._waited_s:
            now_s = self._clock() - self._start_s
            self._waited_s = max(0.0, min(self._waited_s, now_s - self._recorder.agent_end / rtp.CLOCK_HZ))
        self._due = (packet.timestamp + len(packet.payload)) & 0xFFFFFFFF
        self._recorder.hear_agent(packet.payload if self._decode is None else self._decode(packet.payload))
        self._packets += 1
        if self._packets % _GIVE_EACH_PACKETS == 0:
            self._flush()

    def _leap(self, units: int) -> None:
        """Take note that nothing was sent for so long."""
        if 0 < units <= _LONGEST_LEAP:
            self._flush()  # what was heard before the leap belongs in front of it
            self._recorder.pass_time(units)
        else:  # the machine stood still, and nobody wants to listen to that
            self._begin(paused=self._recorder.paused)

    @property
    def _caller_end(self) -> int | None:
        until_s = self._bridge.caller_until_s
        return None if until_s == inf else round((until_s - self._start_s) * rtp.CLOCK_HZ)

    def _flush(self) -> None:
        agent_end = self._recorder.agent_end
        if self._waited_s != inf:
            agent_end += round(self._waited_s * rtp.CLOCK_HZ)
            self._waited_s = 0.0
        self._recorder.flush(self._caller_end, agent_end)
