"""The jitter buffer towards the agent: packets in, one unbroken timeline of audio out.

Pure and without a clock: the time is passed in, in seconds of any monotonic clock.

An agent is no loudspeaker: it does not run dry, it wants audio as early as possible and a timeline that keeps to real
time. So nothing is delayed on purpose. A packet in order passes at once; one after a hole waits for the missing ones,
which are put in order if they come and concealed if they do not.

**The agent's clock.** `due_s` is when the next sample is due: the arrival of the first packet plus all audio given
since. Everything is decided by how far the stream is off:
- Behind: when nothing came for the next sample until so late that the next look could come too late, the gap is
  filled: concealed at first, then silent (hold, mute, a REFER detour, a caller that sends nothing). What was filled
  counts against the hole that the next packet's timestamp shows, or does not show: Asterisk's own hold does not.
- Ahead: what comes more than 35 ms early is surplus and left out (a clock that runs fast, the late rest of what was
  filled already, the burst after a stall). Quiet packets go first, from 24 ms on. A burst is left out to its end,
  because pieces of old audio are worse than none.
Both clocks may therefore differ: the stream slips a packet now and then, inaudibly if there is a pause.

Where filling too early cost real audio, the patience grows to what the line needs, up to 120 ms, and after 10 s without
such an event is back at its least, which keeps the stream within 40 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from ari_agent.media.concealment import Concealer
from ari_agent.media.key_holes import KeyHoles, KeyPackets
from ari_agent.media.line import NARROWBAND, Line
from ari_agent.media.rtp import CLOCK_HZ, HEADER, HEADER_BYTES, PLAIN, Packet, timestamp_delta

Payloads = tuple[bytes, ...]

PATIENCE_LEAST_S: Final = 0.018
"""Concealment starts when the next sample is this late: one look later, 20 ms on, it would be more than 38 ms."""

_RELEASE_S: Final = 0.030  # lateness at which a hole is given up where a timer of its own asks
_RELEASE_AT_ONCE_S: Final = 0.022  # the same on the arrival of a packet: one packet behind, and not in time
_WAIT_MAX_S: Final = 0.040  # for a missing packet, where the stream is ahead
_HELD_MAX: Final = 8
_AHEAD_MAX_S: Final = 0.035
_AHEAD_QUIET_S: Final = 0.024
_AHEAD_AGAIN_S: Final = 0.015
_PATIENCE_STEP_S: Final = 0.020
_PATIENCE_MAX_S: Final = 0.082  # more than at its least: 120 ms in all
_SHORT_GAP: Final = 960  # samples: 120 ms
_PATIENCE_FOR_S: Final = 10.0
_OWN_STALL_S: Final = 0.15  # nobody called for so long: it was us, and packets wait in the socket
_GRACE_S: Final = 0.005
_SLEPT_S: Final = 10.0  # behind by more than this, time is given up rather than filled
_OLD_SSRC_S: Final = 0.2
_DROPOUT_MAX: Final = 3000  # RFC 3550 appendix A.1
_MISORDER_MAX: Final = 100
_FRAME: Final = 160
_GRAIN: Final = 80  # pieces of filling are whole multiples of 10 ms
_PAYLOAD_MAX: Final = 3200  # 400 ms: nobody's packets are longer


@dataclass(slots=True)
class JitterCounters:
    """What became of a caller's packets: counts of packets, unless the name says milliseconds."""

    received: int = 0  # RTP packets of any kind
    lost: int = 0  # given up: never came, or too late to be told from that; without those of keys
    lost_runs: int = 0  # how often packets in a row were given up
    late: int = 0  # came after they were given up; no longer in `lost`
    duplicate: int = 0
    reordered: int = 0  # came late, and still in time
    wrong_payload_type: int = 0  # telephone-event, comfort noise, other codecs: never audio
    wrong_length: int = 0  # empty, or longer than 400 ms
    surplus: int = 0  # left out because the stream was ahead of real time
    stray: int = 0  # of an older stream, or a number far off that nothing followed
    ssrc_changes: int = 0
    resynchronised: int = 0  # leaps in the numbers of one stream
    concealed_ms: int = 0
    filled_ms: int = 0  # silence
    skipped_ms: int = 0  # time given up because the machine slept


class JitterBuffer:
    """Puts one call's RTP packets in order, decodes them, and conceals what is missing.

    line: the codec, whose payload type is the only one that is taken for audio.
    due_s: when the agent's next sample is due, by the clock that is passed in; inf before the stream begins.
    """

    __slots__ = (
        "_ahead",
        "_arrived_s",
        "_candidate",
        "_concealer",
        "_decode",
        "_filled",
        "_grace_s",
        "_held",
        "_held_since_s",
        "_impatient_s",
        "_is_quiet",
        "_keys",
        "_looked_s",
        "_missing",
        "_next_header",
        "_old_ssrc",
        "_patience_s",
        "_payload_type",
        "_sequence",
        "_short_gap_s",
        "_spliced",
        "_ssrc",
        "_switched_s",
        "_timestamp",
        "counters",
        "due_s",
    )

    def __init__(self, line: Line = NARROWBAND) -> None:
        self.counters = JitterCounters()
        self.due_s = inf  # when the agent's next sample is due; inf: the stream has not begun
        self._payload_type = line.payload_type
        self._concealer = Concealer(line.audio)
        self._decode = line.new_decoder() if line.new_decoder else None
        self._is_quiet = line.audio.is_quiet
        self._ssrc = -1
        self._old_ssrc = -1
        self._switched_s = -inf
        self._sequence = 0  # the next packet's
        self._timestamp = 0
        self._next_header: bytes | None = (
            None  # of the next packet, if the last one passed at once: then nothing is left out either
        )
        self._candidate = -1  # the number that would confirm a leap
        self._held: dict[int, Packet] = {}  # behind a hole
        self._held_since_s = 0.0
        self._missing: dict[int, None] = {}  # given up lately
        self._keys = KeyHoles()
        self._filled = 0  # samples since the last packet
        self._short_gap_s = -inf  # when a stretch of filling ended that more patience would have spared
        self._patience_s = 0.0
        self._impatient_s = -inf
        self._ahead = False  # surplus is being left out
        self._spliced = b""  # the audio of the first packet that was left out
        self._arrived_s = self._looked_s = -inf
        self._grace_s = -inf

    @property
    def next_deadline_s(self) -> float:
        """Return the time before which `poll` has nothing to conceal; inf while the stream has not begun."""
        return self.due_s + PATIENCE_LEAST_S + self._patience_s

    @property
    def release_at_s(self) -> float:
        """Return when `poll` should give up a missing packet; inf while no packet waits behind a hole."""
        if not self._held:
            return inf
        return min(self.due_s + _RELEASE_S + self._patience_s, self._held_since_s + _WAIT_MAX_S)

    def start(self, now_s: float) -> None:
        """Begin the agent's timeline at `now_s`, unless it has begun; without this call the first packet begins it."""
        if self.due_s == inf:
            self.due_s = self._looked_s = now_s

    # packets

    def pass_at_once(self, datagram: bytes, now_s: float) -> bytes | None:
        """Return the audio of a datagram that needs no decision, as nearly all do; for None, parse it and call `push`.

        It needs none when it is a plain RTP packet (no padding, extension or CSRC), the next of its stream, and in
        time. The result is that of `push`, at a fraction of the cost.
        """
        if (
            datagram[:HEADER_BYTES] != self._next_header
            or self._held
            or self._filled
            or not HEADER_BYTES < len(datagram) <= HEADER_BYTES + _PAYLOAD_MAX
            or self.due_s - now_s > _AHEAD_QUIET_S
        ):
            return None
        self.counters.received += 1
        return self._pass(datagram[HEADER_BYTES:], now_s)

    def push(self, packet: Packet, now_s: float) -> Payloads:
        """Take a packet that arrived at `now_s`; return the audio that can now go to the agent, in order."""
        counters = self.counters
        counters.received += 1
        if packet.ssrc != self._ssrc:
            return self._change_stream(packet, now_s)
        if (
            packet.sequence == self._sequence
            and packet.timestamp == self._timestamp
            and packet.payload_type == self._payload_type
            and not self._held
            and not self._filled
            and not self._ahead
            and 0 < len(packet.payload) <= _PAYLOAD_MAX
            and self.due_s - now_s <= _AHEAD_QUIET_S
        ):  # nearly every packet: nothing to decide
            return (self._pass(packet.payload, now_s),)
        return self._sort_in(packet, now_s)

    def _pass(self, payload: bytes, now_s: float) -> bytes:
        """Count the next packet in order, and return its audio, which goes to the agent as it is."""
        size = len(payload)
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = timestamp = (self._timestamp + size) & 0xFFFFFFFF
        self._next_header = HEADER.pack(PLAIN, self._payload_type, sequence, timestamp, self._ssrc)
        audio = payload if self._decode is None else self._decode(payload)
        hear = self._concealer.hear
        hear(audio)
        self.due_s += size / CLOCK_HZ
        self._arrived_s = now_s
        return audio

    def _change_stream(self, packet: Packet, now_s: float) -> Payloads:
        if packet.ssrc == self._old_ssrc and now_s - self._switched_s < _OLD_SSRC_S:
            self.counters.stray += 1  # overtaken by the first of the new stream
            return ()
        out: list[bytes] = []
        if self._ssrc == -1:
            self.start(now_s)
        else:
            self.counters.ssrc_changes += 1
            self._release(out, now_s)
        self._old_ssrc, self._ssrc, self._switched_s = self._ssrc, packet.ssrc, now_s
        self._begin_at(packet)
        self._take(packet, now_s, out, lost=False)
        return tuple(out)

    def _begin_at(self, packet: Packet) -> None:
        """Expect this packet's sequence number and timestamp, whatever came before."""
        self._sequence, self._timestamp = packet.sequence, packet.timestamp
        self._next_header = None
        self._candidate = -1
        self._missing.clear()

    def _sort_in(self, packet: Packet, now_s: float) -> Payloads:
        out: list[bytes] = []
        step = (packet.sequence - self._sequence) & 0xFFFF
        if step == 0:
            if self._held:
                self.counters.reordered += 1
            self._take(packet, now_s, out, lost=False)
            self._take_held(now_s, out)
        elif step <= _DROPOUT_MAX:
            self._hold(packet, now_s, out)
        elif step >= 0x10000 - _MISORDER_MAX:
            self._too_late(packet.sequence)
        elif packet.sequence == self._candidate:  # the second in a row: the sender did leap (RFC 3550 appendix A.1)
            self.counters.resynchronised += 1
            self._release(out, now_s)
            self._begin_at(packet)
            self._take(packet, now_s, out, lost=False)
        else:
            self.counters.stray += 1
            self._candidate = (packet.sequence + 1) & 0xFFFF
        return tuple(out)

    def _too_late(self, sequence: int) -> None:
        if sequence not in self._missing:
            self.counters.duplicate += 1
            return
        del self._missing[sequence]
        self.counters.late += 1
        self.counters.lost = max(0, self.counters.lost - 1)

    def _hold(self, packet: Packet, now_s: float, out: list[bytes]) -> None:
        if packet.sequence in self._held:
            self.counters.duplicate += 1
            return
        if not self._held:
            self._held_since_s = now_s
        self._held[packet.sequence] = packet
        late_s = now_s - self.due_s
        if late_s > _RELEASE_AT_ONCE_S + self._patience_s or len(self._held) > _HELD_MAX:
            self._release(out, now_s)

    def _release(self, out: list[bytes], now_s: float) -> None:
        """Count the missing packets as lost, and take all packets that waited behind them."""
        while self._held:
            first = min(self._held, key=lambda sequence: (sequence - self._sequence) & 0xFFFF)
            hole = (first - self._sequence) & 0xFFFF
            self._count_lost(hole, self._held[first], now_s)
            for offset in range(max(0, hole - _MISORDER_MAX), hole):
                self._missing[(self._sequence + offset) & 0xFFFF] = None
            while len(self._missing) > _MISORDER_MAX:
                del self._missing[next(iter(self._missing))]
            self._take(self._held.pop(first), now_s, out, lost=True)
            self._take_held(now_s, out)

    def _count_lost(self, hole: int, behind: Packet, now_s: float) -> None:
        """Count missing packets as lost, unless they are a key's. behind: the first packet after them."""
        self.counters.lost += hole
        self.counters.lost_runs += 1
        units = len(behind.payload) if behind.payload_type == self._payload_type else _FRAME
        lasts_s = timestamp_delta(behind.timestamp, self._timestamp) / CLOCK_HZ
        self._not_lost(self._keys.found(hole, lasts_s=lasts_s, frame_s=(units or _FRAME) / CLOCK_HZ, now_s=now_s))

    def _not_lost(self, key: KeyPackets) -> None:
        self.counters.lost -= key.packets
        self.counters.lost_runs -= key.holes

    def key_reported(self, duration_ms: int, now_s: float) -> None:
        """Take Asterisk's report of a key, whose packets are missing and not lost. See KeyHoles."""
        self._not_lost(self._keys.reported(duration_ms, now_s))

    def _take_held(self, now_s: float, out: list[bytes]) -> None:
        """Take the held packets that follow the last one without a hole."""
        while self._held:
            packet = self._held.pop(self._sequence, None)
            if packet is None:
                return
            self._take(packet, now_s, out, lost=False)

    def _take(self, packet: Packet, now_s: float, out: list[bytes], *, lost: bool) -> None:
        """Take the packet whose turn it is: conceal the hole before it, then append its audio unless it is surplus.

        lost: packets before it were given up, so the hole is concealed even ahead of real time.
        """
        payload = packet.payload
        self._sequence = (packet.sequence + 1) & 0xFFFF
        self._next_header = None
        since_last_s, self._arrived_s = now_s - self._arrived_s, now_s
        if packet.payload_type != self._payload_type:
            self.counters.wrong_payload_type += 1  # it has a number and takes time, which its successor will show
            return
        if not 0 < len(payload) <= _PAYLOAD_MAX:
            self.counters.wrong_length += 1
            return
        if self._filled:
            self._short_gap_s = now_s if self._filled <= _SHORT_GAP else -inf
        hole = timestamp_delta(packet.timestamp, self._timestamp) - self._filled
        self._timestamp = (packet.timestamp + len(payload)) & 0xFFFFFFFF
        # Lost packets are replaced; a pause of the sender only so far as its time has passed.
        room_s = now_s - self.due_s + (_AHEAD_MAX_S if lost else 0)
        hole = min(hole, int(room_s * CLOCK_HZ))
        if hole >= _GRAIN:
            self._fill(hole - hole % _GRAIN, out)
        self._filled = 0
        audio = payload if self._decode is None else self._decode(payload)
        lasts_s = len(payload) / CLOCK_HZ
        if self._is_surplus(audio, lasts_s, now_s, since_last_s):
            return
        if self._spliced:
            audio, self._spliced = self._concealer.splice(self._spliced, audio), b""
        audio = self._concealer.resume(audio)
        self._concealer.hear(audio)
        self.due_s += lasts_s
        out.append(audio)

    def _is_surplus(self, audio: bytes, lasts_s: float, now_s: float, since_last_s: float) -> bool:
        ahead_s = self.due_s - now_s
        quiet = ahead_s > _AHEAD_QUIET_S and self._is_quiet(audio)
        if self._ahead:
            in_burst = since_last_s < lasts_s / 2
            self._ahead = in_burst or ahead_s > _AHEAD_AGAIN_S
        elif ahead_s > _AHEAD_MAX_S or quiet:
            self._ahead = ahead_s > _AHEAD_MAX_S
            self._spliced = audio
            if not quiet and now_s - self._short_gap_s < 1.0:  # filled too early, and now real audio is lost for it
                self._patience_s = min(self._patience_s + _PATIENCE_STEP_S, _PATIENCE_MAX_S)
                self._impatient_s = now_s
        else:
            return False
        if self._ahead or quiet:
            self.counters.surplus += 1
            return True
        return False

    # time

    def poll(self, now_s: float) -> Payloads:
        """Return the audio that is due by `now_s` although no packet brought it.

        Call it every 20 ms and at `release_at_s`.
        """
        active_s, self._looked_s = max(self._arrived_s, self._looked_s), now_s
        if now_s < self.due_s + PATIENCE_LEAST_S + self._patience_s and now_s < self.release_at_s:
            return ()
        if now_s - active_s > _OWN_STALL_S:
            self._grace_s = now_s + _GRACE_S
        if now_s < self._grace_s:
            return ()
        if self._patience_s and now_s - self._impatient_s > _PATIENCE_FOR_S:
            self._patience_s = 0.0
        out: list[bytes] = []
        self._release(out, now_s)
        behind_s = now_s - self.due_s
        if behind_s > _SLEPT_S:
            self.counters.skipped_ms += int(behind_s * 1000)
            self.due_s = now_s
        while now_s >= self.next_deadline_s:
            self._fill(_FRAME, out)
        return tuple(out)

    def _fill(self, samples: int, out: list[bytes]) -> None:
        """Append concealment or silence to the timeline, in pieces of at most 20 ms."""
        self._filled += samples
        self.due_s += samples / CLOCK_HZ
        for start in range(0, samples, _FRAME):
            piece = min(_FRAME, samples - start)
            if self._concealer.silent:
                self.counters.filled_ms += piece * 1000 // CLOCK_HZ
            else:
                self.counters.concealed_ms += piece * 1000 // CLOCK_HZ
            out.append(self._concealer.conceal(piece))
