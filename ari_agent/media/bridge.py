"""The audio of one call: caller leg <-> agent leg.

    datagram -> rtp -> jitter buffer -> encoding and rate of the agent -> send_agent
    send_rtp <- rtp <- codec <- playout, one frame per 20 ms tick of the wheel <- format of the line <- play

The line is mu-law at 8 kHz, or G.722 where caller and agent are both wideband (line.py); what is the agent's own format
passes untouched. RTP goes out without a pause from `start` on, silence where the agent
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
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.audio import FRAME_MS, FRAME_UNITS, ULAW, level_dbfs, ulaw_to_linear
from ari_agent.media.jitter_buffer import PATIENCE_LEAST_S, JitterBuffer
from ari_agent.media.line import NARROWBAND, Convert, Line
from ari_agent.media.playout import Playout
from ari_agent.media.speech_edges import LOOKED_AT, SpeechEdges

_FRAME_S: Final = FRAME_MS / 1000
_FIRST_FRAME_S: Final = 0.0125
_DEFERRAL_S: Final = 0.040  # how long after a stall an agent that was speaking may take to go on
_TICKS_PER_S: Final = 50


def _discard(packet: bytes) -> None:
    """Drop a packet, because the call has no socket yet."""


def _no_move(_delay_s: float) -> float:
    """Return 0.0, because the call is not on a wheel yet and so its tick does not move."""
    return 0.0


def _laid_under(background: Convert, encode: Convert | None) -> Convert:
    """Return what takes the place of an encoder: it lays the background under each frame, and encodes it."""
    return background if encode is None else lambda frame: encode(background(frame))


class Bridge:
    """The audio of one call in both directions, without socket or task: datagrams, ticks and agent audio are handed in.

    send_rtp: where packets for the caller go; set when there is a socket.
    move_tick: `Ticker.move`, set when the call is on the wheel.
    heard_s: clock time at which either side was last heard speaking; starts with `start`.
    malformed: datagrams that are no RTP. packets_out: RTP packets sent to the caller.
    """

    __slots__ = (
        "_agent_frames",
        "_agent_hears",
        "_agent_speech",
        "_ahead",
        "_call_at",
        "_caller_frames",
        "_caller_speech",
        "_clock",
        "_deferred_ticks",
        "_deferring_until_s",
        "_encode",
        "_encoding",
        "_frame_bytes",
        "_is_loud",
        "_last_agent",
        "_last_caller",
        "_marker",
        "_muted",
        "_on_marks",
        "_on_second",
        "_partial",
        "_passes",
        "_release",
        "_second_at",
        "_send_agent",
        "_silence",
        "_started",
        "_stream",
        "_to_linear",
        "_turn",
        "heard_s",
        "jitter",
        "malformed",
        "move_tick",
        "packets_out",
        "playout",
        "send_rtp",
    )

    def __init__(
        self,
        *,
        encoding: AgentEncoding,
        line: Line = NARROWBAND,
        stream: rtp.RtpStream,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], TimerHandle],
        send_agent: Callable[[bytes], None],
        on_marks: Callable[[Sequence[str]], None],
        on_second: Callable[[float], None],
        background: Convert | None = None,
    ) -> None:
        """Take what the bridge needs from outside.

        encoding: made for the format of the line. stream: with the payload type of the line.
        clock, call_at: the event loop's `time` and `call_at`.
        send_agent: gets the caller's audio in the agent's encoding.
        on_marks: gets the names of marks whose audio has been played, in order.
        on_second: called with the clock time after every 50 packets, about once a second; see `take_turn`.
        background: lays a sound under each frame for the caller, speech or silence; None where there is none.
        """
        self._encoding = encoding
        self._stream = stream
        self._clock, self._call_at = clock, call_at
        self._release: TimerHandle | None = None
        self.send_rtp: Callable[[bytes], None] = _discard
        self.move_tick: Callable[[float], float] = _no_move
        self._ahead = 0  # of our RTP timestamps, before the clock
        self._send_agent = self._agent_hears = send_agent
        self._passes = encoding.passes
        self._on_marks, self._on_second = on_marks, on_second
        self.jitter = JitterBuffer(line)
        self.playout = Playout(line.audio)
        self._encode = line.new_encoder() if line.new_encoder else None
        if background is not None:
            self._encode = _laid_under(background, self._encode)
        self._to_linear = line.audio.to_linear
        self._silence = line.audio.silence * FRAME_UNITS
        self._frame_bytes = len(self._silence)
        is_linear, rate_hz = line.audio is not ULAW, line.audio.rate_hz
        self._caller_speech = SpeechEdges(is_linear=is_linear, rate_hz=rate_hz)
        self._agent_speech = SpeechEdges(is_linear=is_linear, rate_hz=rate_hz)
        self._caller_frames, self._agent_frames = self._caller_speech.frames, self._agent_speech.frames
        self._is_loud = self._caller_speech.is_loud
        self.heard_s = 0.0
        self.malformed = 0
        self.packets_out = 0
        self._started = self._muted = False
        self._marker = True  # on the first packet of a stream (RFC 3551 section 4.1)
        self._second_at, self._turn = _TICKS_PER_S, 0  # packets
        self._deferred_ticks = 0  # ticks after a stall that wait for the agent's audio
        self._deferring_until_s = -inf
        self._last_caller = self._last_agent = self._silence
        self._partial = b""  # of the caller's audio: what does not fill a frame yet

    def start(self) -> None:
        """Begin the conversation: from now on queued agent audio is played and the caller's packets are passed on."""
        self._started = True
        self.heard_s = self._clock()

    def take_turn(self, turn: int) -> None:
        """Let the next but one `on_second`, and so all after it, come by so many ticks later: `Ticker.turn`.

        The next one is on time, because a caller who sends nothing is waited for no longer than a second.
        """
        self._turn = turn

    def stop(self) -> None:
        """End the audio in both directions: nothing is sent any more, to either side."""
        self._started = False
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def mute(self, muted: bool) -> None:
        """Send silence to the agent instead of the caller's audio, or end that; either way `heard_s` starts anew."""
        self._muted = muted
        self.heard_s = self._clock()

    def tap(self, hear: Callable[[bytes], None] | None) -> None:
        """Give `hear` each piece of the caller's audio that the agent gets, in its encoding; None ends that.

        A bridge without a tap does nothing for it.
        """
        send = self._agent_hears
        if hear is None:
            self._send_agent = send
            return

        def send_to_both(audio: bytes) -> None:
            send(audio)
            hear(audio)

        self._send_agent = send_to_both

    @property
    def encoding(self) -> AgentEncoding:
        """Return what converts between the line and the agent; another one converts from the next piece on."""
        return self._encoding

    @encoding.setter
    def encoding(self, encoding: AgentEncoding) -> None:
        self._encoding, self._passes = encoding, encoding.passes

    @property
    def caller_until_s(self) -> float:
        """Return up to when, by the clock, the caller's audio was passed on to the agent; inf before it begins."""
        return self.jitter.due_s - len(self._partial) / self._frame_bytes * _FRAME_S

    # who speaks

    @property
    def caller_speech(self) -> SpeechEdges:
        """Return what finds the edges of the caller's speech: by the clock, as packets come, up to 80 ms later."""
        return self._caller_speech

    @property
    def agent_speech(self) -> SpeechEdges:
        """Return what finds the edges of the agent's speech: by the clock, as packets leave, up to 80 ms later."""
        return self._agent_speech

    def look_closely(self, closely: bool) -> None:
        """Find also the edges between two looks. See SpeechEdges."""
        self._caller_speech.look_closely(closely)
        self._agent_speech.look_closely(closely)

    def measure_levels(self) -> None:
        """Let each side's level of speech follow its noise; to be called once in a second or two."""
        self._caller_speech.measure(self._last_caller)
        self._agent_speech.measure(self._last_agent)

    @property
    def caller_dbfs(self) -> float:
        """Return the level of the caller's latest sampled frame, in dBFS."""
        return level_dbfs(self._to_linear(self._last_caller))

    @property
    def agent_dbfs(self) -> float:
        """Return the level of the latest frame played to the caller, in dBFS."""
        return level_dbfs(self._to_linear(self._last_agent))

    @property
    def waiting_dbfs(self) -> float:
        """Return the level of the frame that is played to the caller next, in dBFS; silence where none waits."""
        return level_dbfs(ulaw_to_linear(self.playout.waiting_frame))

    # the caller's side

    def receive(self, datagram: bytes) -> None:
        """Take one datagram from Asterisk. What comes before `start` is ringing, not conversation, and is dropped."""
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
        # Packets behind a hole are given up waiting for at their moment, which may be long before the next tick.
        if self.jitter.release_at_s != inf and self._release is None:
            self._release = self._call_at(self.jitter.release_at_s, self._release_held)

    def _release_held(self) -> None:
        self._release = None
        self._poll(self._clock())

    def _poll(self, now_s: float) -> None:
        for payload in self.jitter.poll(now_s):
            self._hear_caller(payload)

    def _hear_caller(self, audio: bytes) -> None:
        frames = self._caller_frames
        frames.append(audio)
        if len(frames) == LOOKED_AT:
            self._last_caller = audio
            is_loud = self._is_loud(audio)
            if is_loud:
                self.heard_s = self._clock()
            if is_loud is self._caller_speech.usual:
                self._caller_speech.release()
            else:
                self._caller_speech.look(self._clock())
        if self._muted:
            audio = (self._silence * -(-len(audio) // self._frame_bytes))[: len(audio)]
        if len(audio) != self._frame_bytes or self._partial:
            self._hear_reframed(audio)
            return
        send = self._send_agent
        send(audio if self._passes else self._encoding.to_agent(audio))

    def _hear_reframed(self, audio: bytes) -> None:
        """Pass on packets that are not 20 ms long (ptime 30, 40 or 60) in pieces that are, as Twilio sends them."""
        audio, frame_bytes = self._partial + audio, self._frame_bytes
        whole = len(audio) - len(audio) % frame_bytes
        for start in range(0, whole, frame_bytes):
            piece = audio[start : start + frame_bytes]
            self._send_agent(piece if self._passes else self._encoding.to_agent(piece))
        self._partial = audio[whole:]

    # the agent's side

    def play(self, payload: bytes) -> None:
        """Queue a piece of agent audio, of any length, in the agent's encoding."""
        if self.playout.idle and self._started:
            self._align_talkspurt()
        self.playout.push(payload if self._passes else self._encoding.from_agent(payload))
        while self._deferred_ticks and self.playout.ready:
            self._deferred_ticks -= 1
            self._speak(self._clock())

    def _align_talkspurt(self) -> None:
        """Move the next tick, so that the first frame of a new talkspurt leaves 12.5 to 17.5 ms from now.

        A live agent's next frames then may come 12 ms late and still make their tick, or 2 ms early and wait no longer.
        Left to luck, a tick just before the usual arrival would cost 20 ms or a silent frame each time.
        """
        moved = round(self.move_tick(_FIRST_FRAME_S) * rtp.CLOCK_HZ)
        self.playout.pass_time(moved)
        self._ahead -= moved
        if self._ahead < 0:
            self._stream.skip(-self._ahead)
            self._ahead = 0
            self._marker = True

    def clear(self) -> list[str]:
        """Drop the agent audio that was not played yet; return the names of the marks that waited for it, in order."""
        self._encoding.clear()
        return self.playout.clear()

    # the wheel

    def tick(self, now_s: float) -> None:
        """Send the frame of this tick; called by the wheel every 20 ms with the loop's clock."""
        if not self._started:
            return
        jitter = self.jitter
        if now_s - jitter.due_s >= PATIENCE_LEAST_S and now_s >= jitter.next_deadline_s:
            self._poll(now_s)
        if now_s > self._deferring_until_s:
            if self._deferred_ticks:
                self.skip(self._deferred_ticks)
                self._deferred_ticks = 0
        elif self.playout.starved:
            self._deferred_ticks += 1
            return
        self._speak(now_s)

    def _speak(self, now_s: float) -> None:
        """Send the next frame of the playout queue to the caller, or silence where it has none."""
        playout = self.playout
        frame = playout.next_frame()
        if frame is None:
            frame = self._silence
            if self._agent_speech.sounds:
                self._agent_speech.fall_silent(now_s)
            if self._ahead >= FRAME_UNITS:  # ticks moved forward have sent one frame too many by now
                self._ahead -= FRAME_UNITS
                return
        else:
            frames = self._agent_frames
            frames.append(frame)
            if len(frames) == LOOKED_AT:
                is_loud = self._is_loud(frame)
                if is_loud:
                    self.heard_s = now_s
                if is_loud is self._agent_speech.usual:
                    frames.clear()
                else:
                    self._agent_speech.look(now_s + _FRAME_S)
        if playout.has_played_marks:
            self._on_marks(playout.take_played_marks())
        self._last_agent = frame
        send = self.send_rtp
        send(self._stream.packet(frame if self._encode is None else self._encode(frame), self._marker))
        self._marker = False
        self.packets_out += 1
        if self.packets_out == self._second_at:
            self._second_at += _TICKS_PER_S + self._turn
            self._turn = 0
            # The caller's first packet begins the agent's timeline; one who sends nothing is silent from here on.
            self.jitter.start(now_s)
            self._on_second(now_s)

    def late(self, now_s: float) -> None:
        """Note that the wheel was held up and now makes up for the ticks that were due before `now_s`.

        An agent that was speaking may have been held up with us (a machine that stood still), or answer what it hears
        only now. Silence between its words would delay the rest by as much. So for 40 ms a tick that finds nothing
        queued is deferred until the agent's audio comes; if none comes, the RTP timestamps leap over it.
        """
        self._deferring_until_s = now_s + _DEFERRAL_S

    def skip(self, ticks: int) -> None:
        """Leap over `ticks` frames of 20 ms that were never sent because the wheel was held up."""
        if self._started:
            self.playout.skip(ticks)
            self._stream.skip(ticks * FRAME_UNITS)
            self._marker = True
