from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.audio import SILENCE_DBFS, ULAW_SILENCE_FRAME, linear_to_ulaw, ulaw_to_linear
from ari_agent.media.bridge import Bridge
from ari_agent.media.line import NARROWBAND, Convert, Line
from ari_agent.media.speech_edges import is_speech

TONE_HZ = 400


def tone(seconds: float, *, rate_hz: int = 8000, dbfs: float = -10.0) -> bytes:
    """s16le of a sine."""
    moments = np.arange(int(seconds * rate_hz)) / rate_hz
    amplitude = 32767 * 10 ** (dbfs / 20) * 2**0.5
    return (np.sin(2 * np.pi * TONE_HZ * moments) * amplitude).astype("<i2").tobytes()


def ulaw_tone(seconds: float = 0.02, *, dbfs: float = -10.0) -> bytes:
    return linear_to_ulaw(tone(seconds, dbfs=dbfs))


@dataclass
class Rig:
    """A bridge without sockets, and a clock that is set by hand."""

    encoding: str = "mulaw"
    rate_hz: int = 8000
    line: Line = NARROWBAND
    background: Convert | None = None
    now_s: float = 100.0
    to_caller: list[rtp.Packet] = field(default_factory=list)
    to_agent: list[bytes] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.bridge = Bridge(
            encoding=AgentEncoding(self.encoding, self.rate_hz, self.line.audio),
            line=self.line,
            stream=rtp.RtpStream(ssrc=7, sequence=65530, timestamp=2**32 - 320, payload_type=self.line.payload_type),
            clock=lambda: self.now_s,
            call_at=self._call_at,
            send_agent=self.to_agent.append,
            on_marks=self._on_marks,
            on_second=self.seconds.append,
            background=self.background,
        )
        self.bridge.send_rtp = lambda datagram: self.to_caller.append(rtp.parse(datagram))
        self.loop.close()

    def _call_at(self, when_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append((when_s, callback))
        return asyncio.TimerHandle(when_s, callback, (), self.loop)

    def _on_marks(self, names: Sequence[str]) -> None:
        self.marks += names

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_s += 0.02
            self.bridge.tick(self.now_s)

    def caller_says(self, payload: bytes, *, lost: bool = False) -> None:
        kind, stamp = self.line.payload_type, (self.sequence * 160) & 0xFFFFFFFF
        packet = rtp.Packet(kind, False, self.sequence & 0xFFFF, stamp, 99, payload)
        self.sequence += 1
        if not lost:
            self.bridge.receive(rtp.build(packet))


def test_mulaw_passes_untouched_both_ways() -> None:
    rig = Rig()
    rig.bridge.start()
    frame = bytes(range(160))
    rig.caller_says(frame)
    rig.bridge.play(frame)
    rig.tick()
    assert rig.to_agent == [frame]
    assert rig.to_caller[0].payload == frame


@pytest.mark.parametrize("frames", [1.5, 2, 3])
def test_packets_of_another_length_reach_the_agent_in_frames_of_20_ms(frames: float) -> None:
    rig = Rig()
    rig.bridge.start()
    audio = bytes(range(256)) * 15
    size = int(160 * frames)
    for start in range(0, len(audio), size):
        packet = rtp.Packet(rtp.PCMU, False, start // size, start, 99, audio[start : start + size])
        rig.now_s += 0.02 * frames
        rig.bridge.receive(rtp.build(packet))
    assert {len(piece) for piece in rig.to_agent} == {160}
    assert b"".join(rig.to_agent) == audio


def test_the_caller_gets_a_frame_every_tick_and_silence_when_nothing_is_said() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.tick(10)
    assert [packet.payload for packet in rig.to_caller] == [ULAW_SILENCE_FRAME] * 10
    assert [packet.sequence for packet in rig.to_caller] == [*range(65530, 65536), 0, 1, 2, 3], "wraps"
    stamps = [packet.timestamp for packet in rig.to_caller]
    assert {(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)} == {160}
    assert [packet.marker for packet in rig.to_caller] == [True] + [False] * 9
    assert {packet.payload_type for packet in rig.to_caller} == {rtp.PCMU}


def test_nothing_flows_before_the_start_and_after_the_stop() -> None:
    rig = Rig()
    rig.caller_says(ulaw_tone())
    rig.tick(3)
    assert (rig.to_agent, rig.to_caller) == ([], [])
    rig.bridge.start()
    rig.tick()
    rig.bridge.stop()
    flowed = len(rig.to_agent), len(rig.to_caller)
    rig.caller_says(ulaw_tone())
    rig.tick(3)
    assert (len(rig.to_agent), len(rig.to_caller)) == flowed


def test_a_greeting_from_before_the_start_waits_for_it() -> None:
    rig = Rig()
    greeting = ulaw_tone(1.0)
    rig.bridge.play(greeting)
    rig.tick(50)
    rig.bridge.start()
    rig.tick(50)
    assert b"".join(packet.payload for packet in rig.to_caller) == greeting


def test_skipped_ticks_leap_in_the_timestamp_and_set_the_marker() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.tick(2)
    rig.bridge.skip(17)
    rig.tick(2)
    stamps = [packet.timestamp for packet in rig.to_caller]
    assert [(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)] == [
        160,
        18 * 160,
        160,
    ]
    assert [packet.marker for packet in rig.to_caller] == [True, False, True, False]
    assert [packet.sequence for packet in rig.to_caller] == [65530, 65531, 65532, 65533]


def test_clear_is_heard_in_the_very_next_frame() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.bridge.play(ulaw_tone(5.0))
    rig.bridge.playout.mark("end")
    rig.tick(3)
    assert rig.bridge.clear() == ["end"]
    rig.tick(2)
    assert [packet.payload == ULAW_SILENCE_FRAME for packet in rig.to_caller] == [False] * 3 + [True] * 2


def test_marks_come_back_when_their_audio_was_sent() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.bridge.playout.mark("at once")
    rig.bridge.play(ulaw_tone(0.04))
    rig.bridge.playout.mark("after two")
    rig.tick()
    assert rig.marks == ["at once"]
    rig.tick()
    assert rig.marks == ["at once", "after two"]


def test_a_mark_on_an_empty_queue_comes_back_without_any_audio() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.bridge.playout.mark("now")
    rig.tick()
    assert rig.marks == ["now"]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 32000, 44100, 48000])
def test_linear_audio_keeps_its_tone_and_level_both_ways(rate_hz: int) -> None:
    rig = Rig(encoding="s16le", rate_hz=rate_hz)
    rig.bridge.start()
    said = ulaw_tone(1.0)
    for start in range(0, 8000, 160):
        rig.caller_says(said[start : start + 160])
        rig.now_s += 0.02
    heard = np.frombuffer(b"".join(rig.to_agent), "<i2").astype(float)
    assert len(heard) == rate_hz
    assert strongest_hz(heard, rate_hz) == pytest.approx(TONE_HZ, abs=2)
    rig.bridge.play(tone(1.0, rate_hz=rate_hz))
    rig.tick(50)
    back = np.frombuffer(ulaw_to_linear(b"".join(p.payload for p in rig.to_caller[-50:])), "<i2").astype(float)
    assert strongest_hz(back, 8000) == pytest.approx(TONE_HZ, abs=2)
    for sound in (heard, back):
        steady = sound[len(sound) // 10 :]
        assert 20 * np.log10(np.sqrt(np.mean(steady**2)) / 32768) == pytest.approx(-10, abs=0.3)


def strongest_hz(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


@given(st.lists(st.integers(0, 300), max_size=20), st.sampled_from([8000, 16000, 44100]))
def test_linear_audio_may_be_cut_anywhere_even_within_a_sample(sizes: list[int], rate_hz: int) -> None:
    whole = tone(0.2, rate_hz=rate_hz)
    encoding, reference = AgentEncoding("s16le", rate_hz), AgentEncoding("s16le", rate_hz)
    pieces, start = [], 0
    for size in sizes:
        pieces.append(encoding.from_agent(whole[start : start + size]))
        start += size
    pieces.append(encoding.from_agent(whole[start:]))
    assert b"".join(pieces) == reference.from_agent(whole)


def test_after_clear_half_a_sample_of_the_old_stream_is_forgotten() -> None:
    for rate_hz in (8000, 16000):
        encoding = AgentEncoding("s16le", rate_hz)
        encoding.from_agent(b"\x01\x02\x03")
        encoding.clear()
        assert encoding.from_agent(tone(0.1, rate_hz=rate_hz)) == AgentEncoding("s16le", rate_hz).from_agent(
            tone(0.1, rate_hz=rate_hz)
        )


def test_while_muted_the_agent_hears_silence_in_real_time() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.bridge.mute(True)
    rig.caller_says(ulaw_tone())
    rig.now_s += 0.02
    rig.bridge.mute(False)
    rig.caller_says(ulaw_tone())
    assert rig.to_agent == [ULAW_SILENCE_FRAME, ulaw_tone()]


@pytest.mark.parametrize(("encoding", "rate_hz"), [("mulaw", 8000), ("s16le", 16_000)])
def test_a_tap_gets_what_the_agent_gets_until_it_is_taken_away(encoding: str, rate_hz: int) -> None:
    rig, tapped = Rig(encoding, rate_hz), list[bytes]()
    rig.bridge.start()
    for tap in (None, tapped.append, tapped.append, tapped.append, None):
        rig.bridge.tap(tap)
        rig.caller_says(ulaw_tone())
        rig.tick()
    assert len(rig.to_agent) == 5
    assert tapped == rig.to_agent[1:4]


def test_the_agent_hears_silence_when_no_rtp_comes() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.caller_says(ULAW_SILENCE_FRAME)
    rig.tick(50)
    heard = b"".join(rig.to_agent)
    assert set(heard) == {0xFF}
    assert 1.0 - len(heard) / 8000 == pytest.approx(0, abs=0.041)


def test_a_caller_who_never_sends_is_silent_from_the_first_second_on() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.tick(100)
    heard = b"".join(rig.to_agent)
    assert set(heard) == {0xFF}
    assert 1.0 - len(heard) / 8000 == pytest.approx(0, abs=0.041)


def test_a_talkspurt_gets_a_tick_of_its_own_and_timestamps_follow_the_clock() -> None:
    rig = Rig()
    rig.bridge.start()
    asked: list[float] = []
    moves = iter([0.005, -0.010, -0.010, -0.005])

    def move(delay_s: float) -> float:
        asked.append(delay_s)
        return next(moves)

    rig.bridge.move_tick = move
    for _ in range(4):
        rig.tick(20)
        rig.bridge.play(ulaw_tone(0.04))
        rig.bridge.play(ulaw_tone(0.04))
    rig.tick(20)
    assert asked == [0.0125] * 4, "once for each talkspurt"
    stamps = [packet.timestamp for packet in rig.to_caller]
    steps = [(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)]
    assert sorted(steps) == [160] * (len(steps) - 1) + [200]
    assert rig.to_caller[steps.index(200) + 1].marker
    assert len(rig.to_caller) == 99, "the ticks that came earlier add up to one frame, which a pause gives back"


def test_a_lost_packet_is_given_up_at_its_moment_not_at_the_next_tick() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.caller_says(ulaw_tone())
    rig.now_s += 0.02
    rig.caller_says(ulaw_tone(), lost=True)
    rig.now_s += 0.02
    rig.caller_says(ulaw_tone())
    if len(rig.to_agent) == 1:  # it waits for the missing one
        ((when_s, callback),) = rig.timers
        rig.now_s = when_s
        callback()
    assert len(b"".join(rig.to_agent)) == 480, "the timeline is unbroken"
    rig.bridge.stop()


@given(st.binary(max_size=200))
def test_no_datagram_crashes_it(datagram: bytes) -> None:
    rig = Rig()
    rig.bridge.start()
    rig.bridge.receive(datagram)
    rig.tick(3)
    assert len(rig.to_caller) == 3


def test_datagrams_that_are_no_rtp_are_counted() -> None:
    rig = Rig()
    rig.bridge.start()
    for datagram in (b"", b"\x80", b"\x00" * 12, b"GET / HTTP/1.1\r\n\r\n"):
        rig.bridge.receive(datagram)
    assert rig.bridge.malformed == 4
    assert rig.to_agent == []


@pytest.mark.parametrize(("dbfs", "speech"), [(-10, True), (-25, True), (-35, True), (-50, False), (-80, False)])
def test_speech_is_told_from_line_noise_by_level(dbfs: float, speech: bool) -> None:
    sound = ulaw_tone(1.0, dbfs=dbfs)
    votes = [is_speech(sound[start : start + 160]) for start in range(0, 8000, 160)]
    assert all(votes) if speech else not any(votes)


def test_either_side_speaking_is_heard() -> None:
    rig = Rig()
    rig.bridge.start()
    began_s = rig.bridge.heard_s
    rig.tick(20)
    assert rig.bridge.heard_s == began_s, "silence is not speech"
    for _ in range(8):
        rig.caller_says(ulaw_tone())
        rig.tick()
    caller_s = rig.bridge.heard_s
    assert caller_s > began_s
    rig.tick(20)
    rig.bridge.play(ulaw_tone(0.2))
    rig.tick(10)
    assert rig.bridge.heard_s > caller_s + 0.4


def test_levels_are_those_of_the_latest_frames() -> None:
    rig = Rig()
    rig.bridge.start()
    assert (rig.bridge.caller_dbfs, rig.bridge.agent_dbfs) == (SILENCE_DBFS, SILENCE_DBFS)
    for _ in range(8):
        rig.caller_says(ulaw_tone(dbfs=-20))
        rig.bridge.play(ulaw_tone(dbfs=-15))
        rig.tick()
    assert rig.bridge.caller_dbfs == pytest.approx(-20, abs=0.5)
    assert rig.bridge.agent_dbfs == pytest.approx(-15, abs=0.5)


def test_seconds_are_told_by_the_wheel() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.tick(150)
    assert rig.seconds == pytest.approx([101, 102, 103])


def edges(rig: Rig) -> list[tuple[str, bool, int]]:
    """Of both sides from now on, in milliseconds from now."""
    found: list[tuple[str, bool, int]] = []
    began_s = rig.now_s

    def note(side: str) -> Callable[[bool, float], None]:
        return lambda speaks, at_s: found.append((side, speaks, round((at_s - began_s) * 1000)))

    rig.bridge.caller_speech.on_edge, rig.bridge.agent_speech.on_edge = note("caller"), note("agent")
    return found


def test_the_caller_speaks_until_the_last_loud_packet_has_come() -> None:
    rig = Rig()
    rig.bridge.start()
    found = edges(rig)
    for index in range(40):
        rig.tick()
        rig.caller_says(ulaw_tone() if 10 <= index < 25 else ULAW_SILENCE_FRAME)
    # Packet 25 came at 500 ms, and was recorded in the 20 ms before; packet 11 at 220 ms.
    assert found == [("caller", True, 200), ("caller", False, 500)]


def test_the_agent_speaks_from_when_its_first_loud_packet_leaves() -> None:
    rig = Rig()
    rig.bridge.start()
    found = edges(rig)
    rig.tick(5)
    rig.bridge.play(ULAW_SILENCE_FRAME * 3 + ulaw_tone(0.1) + ULAW_SILENCE_FRAME * 3)
    sent = len(rig.to_caller)
    rig.tick(20)
    loud = [index for index, packet in enumerate(rig.to_caller[sent:]) if is_speech(packet.payload)]
    first_ms = 120 + loud[0] * 20  # the tick after the fifth
    assert found == [("agent", True, first_ms), ("agent", False, first_ms + 100)]


def test_an_agent_whose_audio_ends_loud_has_stopped_with_it() -> None:
    rig = Rig()
    rig.bridge.start()
    found = edges(rig)
    rig.bridge.play(ulaw_tone(0.06))
    rig.tick(10)
    assert found == [("agent", True, 20), ("agent", False, 80)]


def test_a_short_sound_between_two_looks_is_found_when_looked_closely() -> None:
    rig = Rig()
    rig.bridge.start()
    found = edges(rig)
    rig.bridge.look_closely(True)
    for index in range(12):
        rig.tick()
        rig.caller_says(ulaw_tone() if index == 5 else ULAW_SILENCE_FRAME)
    assert found == [("caller", True, 100), ("caller", False, 120)]


def test_a_noisy_line_is_measured_on_both_sides() -> None:
    rig = Rig()
    rig.bridge.start()
    found = edges(rig)
    for _ in range(3):
        for _ in range(8):
            rig.tick()
            rig.caller_says(ulaw_tone(dbfs=-35.0))
            rig.bridge.play(ulaw_tone(dbfs=-36.0))
        rig.bridge.measure_levels()
    began, ended = ([(side, at_ms) for side, speaks, at_ms in found if speaks is begins] for begins in (True, False))
    assert began == ended, "neither was speech"
    assert [side for side, _ in ended] == ["caller", "agent"]
