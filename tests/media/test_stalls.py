"""What a caller hears of a machine that stands still: bridge and wheel together, on a clock that is set by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.bridge import Bridge
from ari_agent.media.wheel import Wheel
from tests.fakes.timers import FakeTimers

pytestmark = pytest.mark.slow

FRAME_S = 0.02
ECHO_S = 0.001
WORD = 0x10  # the first byte of a frame that is no silence; its number follows
HEARD_WITHIN_S = 0.026  # a tick at most 20 ms away, another 5 ms for its slot on the wheel, and the echo


def word(number: int) -> bytes:
    return bytes([WORD]) + number.to_bytes(3, "big") + bytes([0x20]) * 156


@dataclass
class EchoedCall:
    """A call whose agent echoes everything after 1 ms."""

    echoes: bool = True
    timers: FakeTimers = field(default_factory=FakeTimers)
    heard_s: dict[int, float] = field(default_factory=dict)
    timestamps: list[tuple[float, int]] = field(default_factory=list)
    said_s: dict[int, float] = field(default_factory=dict)
    agent_back_s: float = 0.0

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.close()
        self.bridge = Bridge(
            encoding=AgentEncoding("mulaw", 8000),
            stream=rtp.RtpStream(ssrc=1, sequence=0, timestamp=0),
            clock=self.timers.time,
            call_at=lambda when_s, callback: asyncio.TimerHandle(when_s, callback, (), self.loop),
            send_agent=self.echo,
            on_marks=lambda _: None,
            on_second=lambda _: None,
        )
        self.bridge.send_rtp = self.hear
        ticker = Wheel(self.timers).add(self.bridge.tick, self.bridge.late, self.bridge.skip)
        self.bridge.move_tick = ticker.move
        self.bridge.start()

    def echo(self, audio: bytes) -> None:
        if self.echoes:
            when_s = max(self.timers.now_s + ECHO_S, self.agent_back_s)
            self.timers.call_at(when_s, lambda: self.bridge.play(audio))

    def hear(self, datagram: bytes) -> None:
        packet = rtp.parse(datagram)
        self.timestamps.append((self.timers.now_s, packet.timestamp))
        if packet.payload[0] == WORD:
            self.heard_s[int.from_bytes(packet.payload[1:4], "big")] = self.timers.now_s

    def say(self, first: int, count: int) -> None:
        """Words of 20 ms from now on, each at its moment."""
        for number in range(first, first + count):
            when_s = self.timers.now_s + (number - first) * FRAME_S
            self.said_s[number] = when_s
            packet = rtp.Packet(rtp.PCMU, False, number, number * 160, 99, word(number))
            self.timers.call_at(when_s, partial(self.bridge.receive, rtp.build(packet)))

    def delays_s(self, first: int) -> list[float]:
        """From when a word was said to when it was heard, from the word `first` on."""
        return [heard_s - self.said_s[number] for number, heard_s in self.heard_s.items() if number >= first]


@given(phase_s=st.floats(0, 0.02), stall_s=st.floats(0, 0.06), later_s=st.floats(0, 0.02))
def test_after_a_stall_the_echo_is_as_early_as_before_and_whole(phase_s: float, stall_s: float, later_s: float) -> None:
    call = EchoedCall()
    call.timers.run(0.1 + phase_s)
    call.say(0, 100)
    call.timers.run(1 + later_s)
    call.timers.stall(stall_s)
    call.timers.run(3)
    assert max(call.delays_s(70)) <= HEARD_WITHIN_S
    assert sorted(call.heard_s) == list(range(100))


@given(phase_s=st.floats(0, 0.02), stall_s=st.floats(0, 0.1), later_s=st.floats(0, 0.02))
def test_half_a_second_after_the_agent_was_held_up_the_echo_is_early_again(
    phase_s: float, stall_s: float, later_s: float
) -> None:
    call = EchoedCall()
    call.timers.run(0.1 + phase_s)
    call.say(0, 100)
    call.timers.run(1 + later_s)
    call.agent_back_s = call.timers.now_s + stall_s
    call.timers.run(3)
    assert max(call.delays_s(51 + int((stall_s + 0.5) / FRAME_S))) <= HEARD_WITHIN_S


@given(phase_s=st.floats(0, 0.02), stall_s=st.floats(0, 0.3))
def test_where_the_agent_has_nothing_more_to_say_the_timestamps_leap_over_the_stall(
    phase_s: float, stall_s: float
) -> None:
    call = EchoedCall(echoes=False)
    call.timers.run(0.1 + phase_s)
    for number in range(50):
        call.timers.call_at(call.timers.now_s + number * FRAME_S, partial(call.bridge.play, word(number)))
    call.timers.run(0.99)
    before_s, before = call.timestamps[-1]
    call.timers.stall(stall_s)
    call.timers.run(2)
    after_s, after = call.timestamps[-1]
    assert (after - before) / 8000 == pytest.approx(after_s - before_s, abs=FRAME_S)
    assert sorted(call.heard_s) == list(range(50))


@given(phase_s=st.floats(0, 0.02), late_frames=st.integers(1, 3))
def test_a_stream_whose_first_frames_were_late_is_soon_at_its_pace(phase_s: float, late_frames: int) -> None:
    call = EchoedCall(echoes=False)
    call.timers.run(0.1 + phase_s)
    began_s = call.timers.now_s
    for number in range(150):
        when_s = began_s + max(number, late_frames - 1) * FRAME_S
        call.said_s[number] = when_s
        call.timers.call_at(when_s, partial(call.bridge.play, word(number)))
    call.timers.run(4)
    assert max(call.delays_s(100)) <= HEARD_WITHIN_S
