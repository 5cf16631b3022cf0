"""The audio of one call: caller leg <-> agent leg.

    datagram -> rtp -> jitter buffer -> encoding and rate of the agent -> send_agent
    send_rtp <- rtp <- playout, each 20 ms on the wheel <- mu-law 8 kHz <- play

Mu-law passes untouched where the agent speaks it. RTP goes out without a pause from `start` on, silence where the agent
says nothing: Asterisk's two-party bridge forwards frames as they come, and carriers drop calls that fall silent.

This is the hot path: 50 times a second and call in each direction. Nothing here waits, and nothing logs.
"""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from ari_agent.errors import MalformedPacket
from ari_agent.media import rtp
from ari_agent.media.audio import (
    FRAME_SAMPLES,
    ULAW_SILENCE_FRAME,
    level_dbfs,
    linear_to_ulaw,
    ulaw_to_linear,
)
from ari_agent.media.jitter import PATIENCE_LEAST_S, JitterBuffer
from ari_agent.media.playout import Playout
from ari_agent.media.resampler import Resampler

SPEECH_DBFS: Final = -40.0
"""Louder than this is somebody speaking; line noise and the hiss of a codec stay below."""

_FIRST_FRAME_S: Final = 0.0125
_OWED_S: Final = 0.040  # how long after a stall an agent that was speaking may take to go on
_TURNS_PER_S: Final = 50
_SAMPLED_FRAMES: Final = 4  # one frame in four is looked at for speech, and of that every eighth sample
_SAMPLE_STEP: Final = 8
_LOUD_SAMPLES: Final = 2  # of the 20 looked at in 20 ms
_SPEECH_AMPLITUDE: Final = int(32768 * 10 ** (SPEECH_DBFS / 20))
_QUIET_CODES: Final = bytes(
    code
    for code in range(256)
    if abs(int.from_bytes(ulaw_to_linear(bytes([code])), "little", signed=True)) <= _SPEECH_AMPLITUDE
)


def is_speech(ulaw: bytes) -> bool:
    """Whether a mu-law frame is loud enough to be somebody speaking; a cheap guess from a few samples."""
    return len(ulaw[::_SAMPLE_STEP].translate(None, _QUIET_CODES)) >= _LOUD_SAMPLES


class AgentEncoding:
    """Mu-law at 8 kHz <-> what the agent speaks; each direction is a stream of its own.

    encoding: `mulaw` (rate_hz is 8000) or `s16le` (8000..48000 Hz).
    """

    __slots__ = ("_down", "_linear", "_odd", "_up", "is_ulaw")

    def __init__(self, encoding: str, rate_hz: int) -> None:
        self.is_ulaw = encoding == "mulaw"
        resampled = not self.is_ulaw and rate_hz != rtp.CLOCK_HZ
        self._up = Resampler(rtp.CLOCK_HZ, rate_hz) if resampled else None
        self._down = Resampler(rate_hz, rtp.CLOCK_HZ) if resampled else None
        self._odd = b""  # half a sample that waits for its other half

    def to_agent(self, ulaw: bytes) -> bytes:
        """The caller's audio in the agent's encoding."""
        if self.is_ulaw:
            return ulaw
        pcm = ulaw_to_linear(ulaw)
        return self._up.process(pcm) if self._up is not None else pcm

    def from_agent(self, payload: bytes) -> bytes:
        """The agent's audio in mu-law at 8 kHz."""
        if self.is_ulaw:
            return payload
        if self._down is not None:  # keeps half a sample itself
            return linear_to_ulaw(self._down.process(payload))
        pcm = self._odd + payload
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        return linear_to_ulaw(pcm[:whole])

    def clear(self) -> None:
        """The agent's stream was cut: what comes next does not continue it."""
        self._odd = b""
        if self._down is not None:
            self._down.reset()


def _to_nobody(packet: bytes) -> None:
    """Where packets go before there is a socket."""


def _not_at_all(_delay_s: float) -> float:
    """How far a turn moves before there is a wheel."""
    return 0.0


class Bridge:
    """One call's audio. Owns no socket and no task: datagrams, turns of the wheel and agent audio are handed in.

    send_rtp: where packets for the caller go; set when there is a socket.
    move_turn: `Turning.move`, set when the call is on the wheel.
    heard_s: clock time at which either side was last heard speaking; starts with `start`.
    malformed: datagrams that are no RTP. agent_bytes: audio received from the agent.
    """

    __slots__ = (
        "_ahead_samples",
        "_call_at",
        "_clock",
        "_encoding",
        "_frames_in",
        "_frames_out",
        "_is_ulaw",
        "_last_agent",
        "_last_caller",
        "_lenient_until_s",
        "_marker",
        "_muted",
        "_on_marks",
        "_on_second",
        "_owed",
        "_release",
        "_send_agent",
        "_started",
        "_stream",
        "_turns",
        "heard_s",
        "jitter",
        "malformed",
        "move_turn",
        "packets_out",
        "playout",
        "send_rtp",
    )

    def __init__(
        self,
        *,
        encoding: AgentEncoding,
        stream: rtp.RtpStream,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], TimerHandle],
        send_agent: Callable[[bytes], None],
        on_marks: Callable[[Sequence[str]], None],
        on_second: Callable[[float], None],
    ) -> None:
        """clock, call_at: the event loop's. on_marks: marks that were heard. on_second: called each second."""
        self._encoding = encoding
        self._stream = stream
        self._clock, self._call_at = clock, call_at
        self._release: TimerHandle | None = None
        self.send_rtp: Callable[[bytes], None] = _to_nobody
        self.move_turn: Callable[[float], float] = _not_at_all
        self._ahead_samples = 0  # of our RTP timestamps, before the clock
        self._send_agent = send_agent
        self._is_ulaw = encoding.is_ulaw
        self._on_marks, self._on_second = on_marks, on_second
        self.jitter = JitterBuffer()
        self.playout = Playout()
        self.heard_s = 0.0
        self.malformed = 0
        self.packets_out = 0
        self._started = self._muted = False
        self._marker = True  # on the first packet of a stream (RFC 3551 section 4.1)
        self._frames_in = self._frames_out = 0
        self._turns = 0
        self._owed = 0  # turns after a stall that wait for the agent's audio
        self._lenient_until_s = -inf
        self._last_caller = self._last_agent = ULAW_SILENCE_FRAME

    def start(self) -> None:
        """The caller is there: what was queued plays, what is said is heard."""
        self._started = True
        self.heard_s = self._clock()

    def stop(self) -> None:
        """Nothing is sent any more, to either side."""
        self._started = False
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def mute(self, muted: bool) -> None:
        """While the caller is away the agent hears silence; afterwards the count of silence begins anew."""
        self._muted = muted
        self.heard_s = self._clock()

    @property
    def caller_dbfs(self) -> float:
        """Level of the caller's latest frame."""
        return level_dbfs(ulaw_to_linear(self._last_caller))

    @property
    def agent_dbfs(self) -> float:
        """Level of the latest frame played to the caller."""
        return level_dbfs(ulaw_to_linear(self._last_agent))

    # the caller's side

    def receive(self, datagram: bytes) -> None:
        """One datagram from Asterisk. What comes before `start` is ringing, not conversation."""
        if not self._started:
            return
        clock = self._clock  # a method that is kept in a slot is called faster by way of a local name
        now_s = clock()
        audio = self.jitter.pass_at_once(datagram, now_s)
        if audio is not None:
            self._hear_caller(audio)
            return
        try:
            packet = rtp.parse(datagram)
        except MalformedPacket:
            self.malformed += 1
            return
        for payload in self.jitter.push(packet, now_s):
            self._hear_caller(payload)
        # Packets behind a hole are given up waiting for at their moment, which may be long before the next turn.
        if self.jitter.release_at_s != inf and self._release is None:
            self._release = self._call_at(self.jitter.release_at_s, self._release_held)

    def _release_held(self) -> None:
        self._release = None
        self._poll(self._clock())

    def _poll(self, now_s: float) -> None:
        for payload in self.jitter.poll(now_s):
            self._hear_caller(payload)

    def _hear_caller(self, payload: bytes) -> None:
        self._frames_in += 1
        if self._frames_in % _SAMPLED_FRAMES == 0:
            self._last_caller = payload
            if is_speech(payload):
                self.heard_s = self._clock()
        if self._muted:
            payload = ULAW_SILENCE_FRAME[:1] * len(payload)
        send = self._send_agent
        send(payload if self._is_ulaw else self._encoding.to_agent(payload))

    # the agent's side

    def play(self, payload: bytes) -> None:
        """Agent audio, in the agent's encoding."""
        if self.playout.idle and self._started:
            self._place_turn()
        self.playout.push(payload if self._is_ulaw else self._encoding.from_agent(payload))
        while self._owed and self.playout.ready:
            self._owed -= 1
            self._speak(self._clock())

    def _place_turn(self) -> None:
        """A talkspurt begins: have its first frame leave 12.5 to 17.5 ms from now.

        A live agent's next frames then may come 12 ms late and still find their turn, or 2 ms early and wait no
        longer; left to luck, a turn just before the usual arrival would cost 20 ms or a silent frame each time.
        """
        moved_samples = round(self.move_turn(_FIRST_FRAME_S) * rtp.CLOCK_HZ)
        self.playout.pass_time(moved_samples)
        self._ahead_samples -= moved_samples
        if self._ahead_samples < 0:
            self._stream.skip(-self._ahead_samples)
            self._ahead_samples = 0
            self._marker = True

    def clear(self) -> list[str]:
        """Drop agent audio that was not heard yet; the names of the marks that were waiting for it."""
        self._encoding.clear()
        return self.playout.clear()

    # the wheel

    def turn(self, now_s: float) -> None:
        """20 ms have passed."""
        if not self._started:
            return
        jitter = self.jitter
        if now_s - jitter.due_s >= PATIENCE_LEAST_S and now_s >= jitter.next_deadline_s:
            self._poll(now_s)
        if now_s > self._lenient_until_s:
            if self._owed:
                self.skip(self._owed)
                self._owed = 0
        elif self.playout.starved:
            self._owed += 1
            return
        self._speak(now_s)

    def _speak(self, now_s: float) -> None:
        """One frame for the caller."""
        playout = self.playout
        frame = playout.next_frame()
        if frame is None:
            frame = ULAW_SILENCE_FRAME
            if self._ahead_samples >= FRAME_SAMPLES:  # turns moved forward have sent one frame too many by now
                self._ahead_samples -= FRAME_SAMPLES
                return
        else:
            self._frames_out += 1
            if self._frames_out % _SAMPLED_FRAMES == 0 and is_speech(frame):
                self.heard_s = now_s
        if playout.has_played_marks:
            self._on_marks(playout.take_played_marks())
        self._last_agent = frame
        send = self.send_rtp
        send(self._stream.packet(frame, self._marker))
        self._marker = False
        self.packets_out += 1
        self._turns += 1
        if self._turns % _TURNS_PER_S == 0:
            # The caller's first packet begins the agent's timeline; one who sends nothing is silent from here on.
            self.jitter.start(now_s)
            self._on_second(now_s)

    def late(self, now_s: float) -> None:
        """The wheel was held up, and now makes up for turns that were due before `now_s`.

        An agent that was speaking may have been held up with us (a machine that stood still), or answer what it hears
        only now. Silence between its words would delay the rest by as much. So where it has nothing queued a turn
        is owed for a moment, to be taken as soon as its audio comes; if none comes, the timestamps leap.
        """
        self._lenient_until_s = now_s + _OWED_S

    def skip(self, turns: int) -> None:
        """The wheel was held up: so many frames of 20 ms were never sent, and the timestamps leap over them."""
        if self._started:
            self.playout.skip(turns)
            self._stream.skip(turns * FRAME_SAMPLES)
            self._marker = True
