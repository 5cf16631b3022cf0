"""Where on its time axis a recording has what was heard: bridge, wheel and recorder together, the clock set by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.audio import mix
from ari_agent.media.bridge import Bridge
from ari_agent.media.g722 import G722Encoder
from ari_agent.media.line import NARROWBAND, WIDEBAND, Convert, Line
from ari_agent.media.recorded_bridge import RecordedBridge
from ari_agent.media.recorder import GIVE_EACH_S, HeardParty, Recorder
from ari_agent.media.wheel import Wheel
from tests.fakes.sound import ulaw_decode, ulaw_encode
from tests.fakes.timers import FakeTimers

FRAME_S = 0.02
TEN_MINUTES_S = 600.0
WITHIN_S = 0.02
SOCKET_HOLDS_S = 2.0  # what comes while the machine stands still for longer is lost
CALLER, AGENT = 0x10, 0x90  # bytes that are loud, one for each side


def noise(seconds: float, *, seed: int) -> bytes:
    """Sound that is found again by correlation, as mu-law."""
    samples = np.random.default_rng(seed).normal(0, 6000, int(seconds * 8000)).clip(-30000, 30000)
    return ulaw_encode(samples.astype(np.int16))


@dataclass
class RecordedCall:
    """A call with a caller who sends a packet each 20 ms, or not, and an agent that plays what it is told."""

    encoding: str = "mulaw"
    rate_hz: int = 8000
    line: Line = NARROWBAND
    beep_each_s: int = 0
    beep: Sequence[bytes] = ()
    sentence: Sequence[bytes] = ()
    agent_only: bool = False
    background: Convert | None = None
    delay_s: Callable[[int], float] = lambda _: 0.0
    """How much later than the others packet n comes."""
    is_lost: Callable[[int], bool] = lambda _: False
    is_recorded: bool = True
    silent: bool = False
    """True: the caller sends nothing at all (DTX, hold, mute)."""
    timers: FakeTimers = field(default_factory=FakeTimers)
    to_caller: list[tuple[float, bytes]] = field(default_factory=list)
    to_agent: list[tuple[float, bytes]] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.close()
        self.heard_sentence_s: list[float] = []
        self.start_s = self.timers.now_s
        self.recorder = Recorder(self.written.append, of=self.line.audio, agent_only=self.agent_only)
        recorded = partial(
            RecordedBridge,
            recorder=self.recorder,
            beep_each_s=self.beep_each_s,
            beep=self.beep,
            sentence=self.sentence,
            on_sentence=lambda: self.heard_sentence_s.append(self.timers.now_s - self.start_s),
        )
        self.bridge: Any = (recorded if self.is_recorded else Bridge)(
            encoding=AgentEncoding(self.encoding, self.rate_hz, self.line.audio),
            line=self.line,
            stream=rtp.RtpStream(ssrc=1, sequence=0, timestamp=2**32 - 4000, payload_type=self.line.payload_type),
            clock=self.timers.time,
            call_at=self._call_at,
            send_agent=lambda audio: self.to_agent.append((self.timers.now_s, audio)),
            on_marks=lambda _: None,
            on_second=lambda _: None,
            background=self.background,
        )
        self.bridge.send_rtp = lambda datagram: self.to_caller.append((self.timers.now_s, datagram[12:]))
        self.ticker = Wheel(self.timers).add(self.bridge.tick, self.bridge.late, self.bridge.skip)
        self.bridge.move_tick = self.ticker.move
        self.bridge.start()
        self.index = 0
        self.said = b""
        self.timers.call_at(self.timers.now_s + 0.007, self._send)

    def _call_at(self, when_s: float, callback: Callable[[], None]) -> Any:
        return self.timers.call_at(when_s, callback)

    def _send(self) -> None:
        index, self.index = self.index, self.index + 1
        due_s = self.start_s + 0.007 + FRAME_S * self.index
        self.timers.call_at(due_s, self._send)
        frame, self.said = self.said[:160].ljust(160, b"\xff"), self.said[160:]
        is_past = self.timers.now_s - due_s > SOCKET_HOLDS_S
        if self.silent or is_past or self.is_lost(index):
            return
        self.timers.call_at(self.timers.now_s + self.delay_s(index), partial(self.receive, 160 * index, frame))

    def receive(self, timestamp: int, audio: bytes) -> None:
        """Let a packet of the caller's come, whose sequence number is as its timestamp says."""
        sequence = timestamp // len(audio) & 0xFFFF
        packet = rtp.Packet(self.line.payload_type, False, sequence, timestamp & 0xFFFFFFFF, 99, audio)
        self.bridge.receive(rtp.build(packet))

    def finish(self) -> None:
        self.bridge.stop()
        self.ticker.remove()

    @property
    def left(self) -> np.ndarray[Any, Any]:
        return ulaw_decode(b"".join(self.written)[::2])

    @property
    def right(self) -> np.ndarray[Any, Any]:
        return ulaw_decode(b"".join(self.written)[1::2])


def found_s(channel: np.ndarray[Any, Any], sound: bytes) -> float:
    """Where in a channel a sound begins, in seconds, by cross-correlation."""
    pattern = ulaw_decode(sound).astype(np.float64)
    size = 1 << (len(channel) + len(pattern)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(channel, size) * np.conj(np.fft.rfft(pattern, size)), size)
    return int(np.argmax(likeness)) / 8000


def talk(call: RecordedCall, *, caller: bytes, agent: bytes) -> tuple[float, float]:
    """Let both say something; returns when the first frame of each passed through our hands."""
    sent, heard, now_s = len(call.to_caller), len(call.to_agent), call.timers.now_s
    call.said = caller
    call.bridge.play(agent)
    call.timers.run(2.0)
    to_caller_s = next(at_s for at_s, frame in call.to_caller[sent:] if frame == agent[:160])
    if call.encoding == "mulaw":
        to_agent_s = next(at_s for at_s, frame in call.to_agent[heard:] if frame[40:] == caller[40:160])
    else:
        to_agent_s = now_s
    return to_agent_s - call.start_s, to_caller_s - call.start_s


def jittery(seed: int, most_s: float) -> Callable[[int], float]:
    """Delays of up to so much, which let packets overtake one another from 20 ms on."""
    return lambda index: random.Random(seed * 1_000_003 + index).random() * most_s


@pytest.mark.slow
def test_after_ten_minutes_both_sides_stand_where_they_were_heard() -> None:
    """Of packets that come late, overtake one another or are lost, and a caller who sends nothing for a minute."""
    call = RecordedCall(delay_s=jittery(1, 0.035), is_lost=lambda index: random.Random(index).random() < 0.03)
    for minute in range(10):
        call.timers.run(45.0)
        call.bridge.play(bytes([AGENT]) * (160 * 37 + 55))  # a talkspurt of no whole number of frames moves the ticks
        call.timers.run(13.0)
        if minute == 3:
            call.silent = True
        if minute == 4:
            call.silent = False
        call.timers.run(2.0)
    caller, agent = noise(1.0, seed=1), noise(1.0, seed=2)
    heard_s, spoken_s = talk(call, caller=caller, agent=agent)
    call.finish()
    assert heard_s > TEN_MINUTES_S
    assert found_s(call.left, caller) == pytest.approx(heard_s, abs=WITHIN_S)
    assert found_s(call.right, agent) == pytest.approx(spoken_s, abs=WITHIN_S)
    assert len(call.left) / 8000 == pytest.approx(call.timers.now_s - call.start_s, abs=0.06)


@pytest.mark.parametrize("stall_s", [0.03, 0.2, 3.0, 30.0])
def test_a_machine_that_stood_still_leaves_its_mark_and_shifts_nothing(stall_s: float) -> None:
    call = RecordedCall()
    call.timers.run(5.0)
    before = talk(call, caller=noise(0.5, seed=3), agent=noise(0.5, seed=4))
    for _ in range(3):
        call.timers.stall(stall_s)
        call.timers.run(10.0)
    after = talk(call, caller=noise(0.5, seed=5), agent=noise(0.5, seed=6))
    call.finish()
    for seed, at_s in enumerate((*before, *after), start=3):
        channel = call.left if seed % 2 else call.right
        assert found_s(channel, noise(0.5, seed=seed)) == pytest.approx(at_s, abs=WITHIN_S), seed


def test_a_caller_who_is_silent_at_first_stands_where_the_first_packet_came() -> None:
    call = RecordedCall(silent=True)
    call.timers.run(4.3)
    call.silent = False
    heard_s, _ = talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
    call.finish()
    assert found_s(call.left, noise(0.5, seed=1)) == pytest.approx(heard_s, abs=WITHIN_S)


def test_at_no_moment_is_more_than_half_a_second_not_given_away() -> None:
    call = RecordedCall()
    call.said = bytes([CALLER]) * 80_000
    for _ in range(40):
        call.timers.run(0.1)
        given_s = len(b"".join(call.written)) / 2 / 8000
        assert call.timers.now_s - call.start_s - given_s < 0.65  # with a packet and the jitter buffer on the way
    call.finish()


def test_calls_that_began_together_give_their_recordings_away_in_turn() -> None:
    timers = FakeTimers()
    calls = [RecordedCall(timers=timers) for _ in range(round(GIVE_EACH_S / FRAME_S))]
    timers.run(GIVE_EACH_S + FRAME_S / 2)
    pieces = [sum(len(call.written) for call in calls)]
    for _ in range(2 * len(calls)):
        timers.run(FRAME_S)
        pieces.append(sum(len(call.written) for call in calls))
    for call in calls:
        call.finish()
    assert {later - earlier for earlier, later in pairwise(pieces)} == {1}, "one call in each 20 ms"


def test_a_call_shorter_than_a_second_is_recorded_to_its_end() -> None:
    call = RecordedCall()
    call.said = bytes([CALLER]) * 8000
    call.timers.run(0.5)
    call.finish()
    stereo = b"".join(call.written)
    assert 3900 <= len(stereo) / 2 <= 4200
    assert stereo[0::2].count(CALLER) >= 3600
    call.bridge.stop()
    assert b"".join(call.written) == stereo


def test_a_leap_is_no_longer_than_a_minute() -> None:
    call = RecordedCall()
    call.timers.run(2.0)
    call.timers.stall(4000.0)
    call.timers.run(1.0)
    heard_s, spoken_s = talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
    call.finish()
    assert len(call.left) / 8000 == pytest.approx(65.0, abs=0.3)
    found = found_s(call.left, noise(0.5, seed=1)), found_s(call.right, noise(0.5, seed=2))
    assert found[0] - found[1] == pytest.approx(heard_s - spoken_s, abs=WITHIN_S)


def test_what_the_agent_does_not_hear_is_not_recorded() -> None:
    call = RecordedCall()
    call.bridge.mute(True)
    call.said = bytes([CALLER]) * 16000
    call.timers.run(1.0)
    call.bridge.mute(False)
    call.timers.run(0.5)
    call.finish()
    left = b"".join(call.written)[::2]
    assert left[:8000] == b"\xff" * 8000
    assert CALLER in left[8200:]


def test_a_pause_is_silence_and_what_follows_is_not_shifted() -> None:
    call = RecordedCall()
    call.timers.run(1.0)
    call.said, card = bytes([CALLER]) * 24000, bytes([AGENT]) * 24000
    call.bridge.play(card)
    call.timers.run(1.0)
    call.bridge.pause(True)
    call.timers.run(2.0)
    call.bridge.pause(False)
    heard_s, spoken_s = talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
    call.finish()
    stereo = b"".join(call.written)
    paused = stereo[2 * 16400 : 2 * 31500]
    assert paused == b"\xff" * len(paused)
    assert CALLER in stereo[0 : 2 * 16000 : 2]
    assert AGENT in stereo[1 : 2 * 16000 : 2]
    assert found_s(call.left, noise(0.5, seed=1)) == pytest.approx(heard_s, abs=WITHIN_S)
    assert found_s(call.right, noise(0.5, seed=2)) == pytest.approx(spoken_s, abs=WITHIN_S)


def test_a_transfers_target_is_on_the_agents_side() -> None:
    call = RecordedCall()
    call.timers.run(1.0)
    call.bridge.heard_is(HeardParty.TARGET)
    call.said = bytes([CALLER]) * 8000
    call.timers.run(1.0)
    call.bridge.heard_is(HeardParty.CALLER)
    call.timers.run(1.0)
    call.finish()
    stereo = b"".join(call.written)
    assert CALLER not in stereo[::2]
    assert CALLER in stereo[1::2]


def test_wideband_is_recorded_as_it_was_decoded_and_before_it_is_encoded() -> None:
    call = RecordedCall(encoding="s16le", rate_hz=16000, line=WIDEBAND)
    said = (np.random.default_rng(1).normal(0, 4000, 8000)).astype("<i2").tobytes()
    answer = (np.random.default_rng(2).normal(0, 4000, 8000)).astype("<i2").tobytes()
    call.timers.run(1.0)
    call.said = G722Encoder().encode(said)
    call.bridge.play(answer)
    call.timers.run(1.0)
    call.finish()
    stereo = np.frombuffer(b"".join(call.written), "<i2")
    assert answer in stereo[1::2].tobytes()
    assert b"".join(audio for _, audio in call.to_agent)[:40000] in stereo[::2].tobytes()
    assert len(stereo) / 2 / 16000 == pytest.approx(2.0, abs=0.06)


def test_an_agent_of_another_rate_is_recorded_in_the_format_of_the_line() -> None:
    call = RecordedCall(encoding="s16le", rate_hz=16000)
    call.timers.run(1.0)
    caller = noise(0.5, seed=1)
    call.said = caller
    call.bridge.play(np.full(8000, 9000, "<i2").tobytes())
    call.bridge.clear()
    call.bridge.play(np.full(8000, 9000, "<i2").tobytes())
    call.timers.run(1.5)
    call.finish()
    assert caller[200:] in b"".join(call.written)[::2]
    assert np.abs(call.right - 9000).argmin() > 0
    assert len(call.left) / 8000 == pytest.approx(2.5, abs=0.06)


def test_the_beep_is_heard_by_the_caller_and_on_the_recording() -> None:
    tone, speech = [bytes([0x30]) * 160, bytes([0x31]) * 160], bytes([AGENT]) * 160
    call = RecordedCall(beep_each_s=2, beep=tone)
    call.bridge.play(speech * 150)
    call.timers.run(5.0)
    call.bridge.pause(True)
    call.timers.run(2.0)
    call.bridge.pause(False)
    call.finish()
    heard = [frame for _, frame in call.to_caller]
    beeps = [frame for frame in heard if frame not in (speech, b"\xff" * 160)]
    assert beeps == [mix(speech, part) for part in tone] + tone, "twice, not while paused"
    assert b"".join(heard)[: 5 * 8000 - 160] in b"".join(call.written)[1::2]


SENTENCE = [bytes([0x40]) * 160, bytes([0x41]) * 160] * 50
"""Of two seconds."""


def test_a_sentence_is_heard_before_all_that_the_agent_says_and_is_on_the_recording() -> None:
    call = RecordedCall(sentence=SENTENCE)
    call.said = bytes([CALLER]) * 24000
    hello = bytes([AGENT]) * 160
    call.bridge.play(hello * 50)
    call.timers.run(1.0)
    assert call.bridge.sentence_units == pytest.approx(8000, abs=320)
    call.bridge.clear()
    call.bridge.play(hello * 20)
    call.timers.run(2.5)
    call.finish()
    heard = [frame for _, frame in call.to_caller]
    assert heard[:120] == [*SENTENCE, *[hello] * 20]
    assert call.heard_sentence_s == [pytest.approx(2.0, abs=0.03)]
    stereo = b"".join(call.written)
    begins = stereo[1::2].index(0x40)
    assert stereo[1::2][begins : begins + 16000] == b"".join(SENTENCE)
    assert b"".join(frame for _, frame in call.to_agent).count(CALLER) >= 23000, "the agent hears the caller as usual"
    assert stereo[::2].index(CALLER) == pytest.approx(begins + 16000, abs=320), "recorded from its end on"
    assert stereo[::2].count(CALLER) == pytest.approx(8000, abs=400)


def test_of_an_agent_only_the_callers_side_stays_silent_after_the_sentence() -> None:
    call = RecordedCall(sentence=SENTENCE, agent_only=True)
    call.said = bytes([CALLER]) * 24000
    call.timers.run(3.5)
    call.finish()
    assert CALLER not in b"".join(call.written)[::2]


def test_a_sentence_that_is_cut_short_ends_the_recording_and_not_the_audio() -> None:
    call = RecordedCall(sentence=SENTENCE, beep_each_s=2, beep=[bytes([0x30]) * 160])
    call.said = bytes([CALLER]) * 24000
    call.bridge.play(bytes([AGENT]) * 160 * 20)
    call.timers.run(1.0)
    was_stopped = call.bridge.is_stopped
    call.bridge.cut_sentence()
    assert (was_stopped, call.bridge.is_stopped) == (False, True)
    call.timers.run(2.0)
    call.finish()
    assert call.heard_sentence_s == []
    assert call.bridge.sentence_units == 0
    assert bytes([0x30]) * 160 not in [frame for _, frame in call.to_caller], "no tone tells of what is over"
    stereo = b"".join(call.written)
    assert len(stereo) / 2 / 8000 == pytest.approx(1.0, abs=0.05)
    assert CALLER not in stereo[::2]
    assert AGENT not in stereo[1::2]
    assert sum(frame == bytes([AGENT]) * 160 for _, frame in call.to_caller) == 20


def test_a_sentence_in_a_pause_is_heard_and_not_recorded() -> None:
    call = RecordedCall(sentence=SENTENCE)
    call.bridge.pause(True)
    call.timers.run(3.0)
    call.finish()
    assert [frame for _, frame in call.to_caller][:100] == SENTENCE
    assert len(call.heard_sentence_s) == 1
    assert set(b"".join(call.written)) == {0xFF}


def test_a_talkspurt_in_the_sentence_does_not_tear_it() -> None:
    call = RecordedCall(sentence=SENTENCE)
    for piece in range(9):
        call.bridge.play(bytes([AGENT]) * 55)
        if piece % 3 == 2:
            call.bridge.clear()
        call.timers.run(0.2)
    sent_s = [at_s for at_s, frame in call.to_caller if frame in SENTENCE]
    assert {round(later - earlier, 6) for earlier, later in pairwise(sent_s)} == {FRAME_S}


def test_a_wideband_sentence_is_sent_in_the_codec_of_the_line() -> None:
    frames = [np.full(320, 3000, "<i2").tobytes()] * 10
    call = RecordedCall(encoding="s16le", rate_hz=16000, line=WIDEBAND, sentence=frames)
    call.timers.run(1.0)
    call.finish()
    encoder = G722Encoder()
    assert [frame for _, frame in call.to_caller][:10] == [encoder.encode(frame) for frame in frames]
    assert b"".join(frames) in np.frombuffer(b"".join(call.written), "<i2")[1::2].tobytes()
