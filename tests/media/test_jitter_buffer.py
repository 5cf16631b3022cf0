"""The jitter buffer: order, holes, pauses, leaps and clocks, on simulated networks with seeded dice."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.media.audio import ULAW
from ari_agent.media.jitter_buffer import JitterBuffer, JitterCounters
from ari_agent.media.line import Line
from ari_agent.media.rtp import COMFORT_NOISE, PCMU, Packet, build, parse

FRAME = 160
FRAME_S = 0.02
TELEPHONE_EVENT = 101
PCMA = 8  # RFC 3551 table 4
Arrival = tuple[float, Packet]


def payload_of(number: int, length: int = FRAME) -> bytes:
    """Loud audio that carries its number at its end, where no fading reaches."""
    return b"\x10" * (length - 2) + bytes([number % 100, number // 100 % 100])


def number_of(payload: bytes) -> int | None:
    """None: made up."""
    end = payload[40:]
    return end[-2] + 100 * end[-1] if end[:-2] == b"\x10" * (len(end) - 2) and end[-1] != 0x10 else None


def packet(number: int, *, ticks: int | None = None, ssrc: int = 7, kind: int = PCMU, length: int = FRAME) -> Packet:
    """Packet `number` of a stream whose sequence wraps after 36 and whose timestamp wraps after 50 packets."""
    stamp = number * length if ticks is None else ticks
    return Packet(
        kind, False, (65500 + number) & 0xFFFF, (2**32 - 8000 + stamp) & 0xFFFFFFFF, ssrc, payload_of(number, length)
    )


@dataclass
class Heard:
    """What the agent got: (time, audio), and how far its timeline was from real time, in ms."""

    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    drift_ms: list[float] = field(default_factory=list)
    given: int = 0
    counters: JitterCounters = field(default_factory=JitterCounters)

    def take(self, now_s: float, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            self.pieces.append((now_s, payload))
            self.drift_ms.append((self.given / 8000 - (now_s - self.pieces[0][0])) * 1000)
            self.given += len(payload)

    @property
    def numbers(self) -> list[int]:
        return [number for _, payload in self.pieces if (number := number_of(payload)) is not None]


def play(
    arrivals: Iterable[Arrival],
    *,
    until_s: float,
    poll_from_s: float = 0.003,
    timer: bool = False,
    at_once: list[float] | None = None,
) -> Heard:
    """Hand the arrivals to a buffer that is polled every 20 ms (timer: and at release_at_s).

    at_once: try `pass_at_once` first, and note here when it was enough.
    """
    buffer, heard = JitterBuffer(), Heard()
    heard.counters = buffer.counters
    polls: list[tuple[float, Packet | None]] = [
        (poll_from_s + tick * FRAME_S, None) for tick in range(int((until_s - poll_from_s) / FRAME_S) + 1)
    ]
    for now_s, arrived in sorted([*arrivals, *polls], key=lambda event: event[0]):
        while timer and buffer.release_at_s < now_s:
            at_s = buffer.release_at_s
            heard.take(at_s, buffer.poll(at_s))
        if arrived and at_once is not None and (audio := buffer.pass_at_once(build(arrived), now_s)) is not None:
            at_once.append(now_s)
            heard.take(now_s, [audio])
        else:
            heard.take(now_s, buffer.push(arrived, now_s) if arrived else buffer.poll(now_s))
    return heard


def network(
    dice: random.Random,
    *,
    seconds: float,
    delay_s: float = 0.04,
    jitter_s: float = 0.01,
    loss: float = 0.02,
    ppm: float = 0,
    reorder: bool = False,
    length: int = FRAME,
) -> list[Arrival]:
    """A caller whose clock is `ppm` slow, over a link that loses and delays."""
    arrivals: list[Arrival] = []
    last_s = 0.0
    for number in range(int(seconds * 8000 / length)):
        if number and dice.random() < loss:
            continue
        sent_s = number * length / 8000 * (1 + ppm * 1e-6)
        at_s = sent_s + delay_s + dice.uniform(-jitter_s, jitter_s)
        last_s = at_s if reorder else max(at_s, last_s)
        arrivals.append((last_s, packet(number, length=length)))
    return arrivals


# in order


def test_packets_in_order_pass_at_once_and_untouched() -> None:
    buffer = JitterBuffer()
    for number in range(200):
        arrived = packet(number)
        assert buffer.push(arrived, number * FRAME_S) == (arrived.payload,)
        assert buffer.poll(number * FRAME_S + 0.01) == ()
    assert buffer.counters == JitterCounters(received=200)


@pytest.mark.parametrize("length", [80, 160, 240, 480, 800])
def test_packets_of_any_length_pass_at_once(length: int) -> None:
    heard = play([(number * length / 8000, packet(number, length=length)) for number in range(50)], until_s=0.1)
    assert heard.numbers == list(range(50))
    assert heard.counters == JitterCounters(received=50)


def test_another_payload_type_is_audio_where_it_was_agreed() -> None:
    buffer = JitterBuffer(Line("another", PCMA, ULAW))
    arrived = packet(0, kind=PCMA)
    assert buffer.push(arrived, 0.0) == (arrived.payload,)
    assert buffer.push(packet(1), 0.02) == ()
    assert buffer.counters.wrong_payload_type == 1


def test_nothing_happens_before_the_first_packet() -> None:
    buffer = JitterBuffer()
    assert buffer.next_deadline_s == buffer.release_at_s == inf
    assert buffer.poll(1000.0) == ()


def test_a_started_timeline_goes_on_without_any_packet() -> None:
    buffer = JitterBuffer()
    buffer.start(5.0)
    given = sum(len(piece) for tick in range(1, 51) for piece in buffer.poll(5.0 + tick * FRAME_S))
    assert given / 8000 == pytest.approx(1.0, abs=0.04)
    assert buffer.counters.received == 0


# holes and order


def test_swapped_packets_are_put_right() -> None:
    buffer = JitterBuffer()
    order = [0, 1, 3, 2, 4, 5]
    out = [number_of(p) for i, n in enumerate(order) for p in buffer.push(packet(n), i * FRAME_S)]
    assert out == [0, 1, 2, 3, 4, 5]
    assert buffer.counters == JitterCounters(received=6, reordered=1)


def test_a_duplicate_is_dropped_before_and_after_its_turn() -> None:
    buffer = JitterBuffer()
    out = [number_of(p) for n in (0, 1, 1, 3, 3, 2, 2, 0) for p in buffer.push(packet(n), n * FRAME_S)]
    assert out == [0, 1, 2, 3]
    assert buffer.counters.duplicate == 4
    assert buffer.counters.lost == 0


def test_a_lost_packet_is_concealed_within_40_ms() -> None:
    heard = play([(n * FRAME_S, packet(n)) for n in range(20) if n != 10], until_s=0.5)
    assert heard.numbers == [n for n in range(20) if n != 10]
    assert heard.counters.lost == 1
    assert heard.counters.concealed_ms >= 20
    at_s = next(at for at, payload in heard.pieces if number_of(payload) == 11)
    assert at_s - 10 * FRAME_S <= 0.0401


def test_the_hole_of_one_long_packet_is_its_length() -> None:
    arrivals = [(n * 0.06, packet(n, length=480)) for n in range(10) if n != 5]
    heard = play(arrivals, until_s=0.56)
    assert heard.given == 10 * 480
    assert heard.counters.lost == 1
    assert heard.counters.concealed_ms == 60


def test_a_packet_that_was_given_up_is_late_and_never_heard() -> None:
    arrivals = [(n * FRAME_S, packet(n)) for n in range(20) if n != 10]
    heard = play([*arrivals, (0.33, packet(10))], until_s=0.4)
    assert 10 not in heard.numbers
    assert heard.counters.late == 1
    assert heard.counters.lost == 0


def test_a_burst_behind_a_hole_is_not_held_for_ever() -> None:
    buffer = JitterBuffer()
    buffer.push(packet(0), 0.0)
    given = [piece for n in range(2, 12) for piece in buffer.push(packet(n), 0.001)]
    assert given
    assert buffer.release_at_s == inf


def test_a_timer_at_release_gives_up_earlier_than_the_wheel() -> None:
    arrivals = [(n * FRAME_S, packet(n)) for n in range(10) if n != 5]
    heard = play(arrivals, until_s=0.3, poll_from_s=0.0, timer=True)
    assert min(heard.drift_ms) >= -30.001


# real time


@pytest.mark.parametrize("timer", [False, True])
@pytest.mark.parametrize("reorder", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_2_percent_loss_and_jitter_never_move_the_timeline_by_40_ms(seed: int, reorder: bool, timer: bool) -> None:
    dice = random.Random(seed)
    arrivals = network(dice, seconds=60, reorder=reorder)
    heard = play(arrivals, until_s=60, poll_from_s=dice.uniform(0, FRAME_S), timer=timer)
    assert min(heard.drift_ms) >= -40
    assert max(heard.drift_ms) <= 40
    assert heard.numbers == sorted(heard.numbers)
    assert heard.given / 8000 == pytest.approx(60, abs=0.06)
    counters = heard.counters
    assert counters.lost == 3000 - counters.received
    assert counters.concealed_ms == pytest.approx(20 * counters.lost, abs=40)
    assert counters.surplus == 0


@pytest.mark.parametrize("ppm", [-1000, -200, 200, 1000])
def test_a_clock_that_is_off_does_not_add_up(ppm: int) -> None:
    arrivals = network(random.Random(1), seconds=600, ppm=ppm, loss=0.001, jitter_s=0.003)
    heard = play(arrivals, until_s=arrivals[-1][0])
    assert min(heard.drift_ms) >= -45
    assert max(heard.drift_ms) <= 40
    slips = 600 * abs(ppm) * 1e-6 / FRAME_S
    if ppm < 0:
        assert slips - 2 <= heard.counters.surplus <= slips + 2
    else:
        assert heard.counters.surplus == 0
        assert heard.counters.concealed_ms / 20 - heard.counters.lost == pytest.approx(slips, abs=3)


@pytest.mark.parametrize("length", [80, 240, 480, 800])
def test_other_packet_lengths_keep_to_real_time(length: int) -> None:
    arrivals = network(random.Random(2), seconds=30, length=length, jitter_s=0.005)
    heard = play(arrivals, until_s=arrivals[-1][0])
    assert min(heard.drift_ms) >= -40
    assert max(heard.drift_ms) <= 40


@pytest.mark.parametrize("stamps_go_on", [True, False])
def test_hold_is_silence_in_real_time_and_then_goes_on(stamps_go_on: bool) -> None:
    """Asterisk stops sending on hold; afterwards its timestamps may have gone on, or not."""
    before = [(n * FRAME_S, packet(n)) for n in range(50)]
    leap = 5 * 8000 if stamps_go_on else 0
    after = [(5 + n * FRAME_S, packet(n, ticks=n * FRAME + leap)) for n in range(50, 100)]
    heard = play([*before, *after], until_s=7)
    assert heard.given / 8000 == pytest.approx(7, abs=0.06)
    assert min(heard.drift_ms) >= -40
    assert max(heard.drift_ms) <= 40
    assert heard.counters.filled_ms == pytest.approx(4900, abs=100)
    assert heard.counters.concealed_ms <= 120
    assert heard.numbers[-40:] == list(range(60, 100))
    assert heard.counters.lost == 0


def test_silence_suppression_leaves_its_pause_in_place() -> None:
    talk = [(n * FRAME_S, packet(n)) for n in range(10)]
    again = [(1.2 + n * FRAME_S, packet(n, ticks=n * FRAME + 9600)) for n in range(10, 30)]
    heard = play([*talk, *again], until_s=1.79)
    first_again = next(at for at, payload in heard.pieces if number_of(payload) == 10)
    assert first_again == pytest.approx(1.4)
    assert heard.given / 8000 == pytest.approx(1.8, abs=0.04)


def test_after_a_stall_of_10_s_the_burst_is_left_out() -> None:
    """Asterisk was stopped: 230 packets in 0.3 s, without a gap in their numbers."""
    before = [(n * FRAME_S, packet(n)) for n in range(50)]
    burst = [(11 + n * 0.0013, packet(50 + n)) for n in range(230)]
    after = [(11.3 + n * FRAME_S, packet(280 + n)) for n in range(200)]
    heard = play([*before, *burst, *after], until_s=15.29)
    assert min(heard.drift_ms) >= -40
    assert max(heard.drift_ms) <= 40
    assert heard.numbers == sorted(heard.numbers)
    assert heard.numbers[-190:] == list(range(290, 480))
    assert 220 <= heard.counters.surplus <= 232
    stale = [n for n in heard.numbers if 50 <= n < 280]
    assert len(stale) <= 8, "old audio in pieces"


def test_when_we_were_stalled_ourselves_what_waited_is_heard() -> None:
    """Nobody called for 0.4 s: the packets are in the socket, and a poll may come before they are read."""
    buffer, heard = JitterBuffer(), Heard()
    for n in range(20):
        heard.take(n * FRAME_S, buffer.push(packet(n), n * FRAME_S))
    for _ in range(3):  # the wheel makes up for lost ticks, all at the same moment
        heard.take(0.8, buffer.poll(0.8))
    for n in range(20, 41):
        heard.take(0.801, buffer.push(packet(n), 0.801))
    assert heard.numbers == list(range(41))
    assert buffer.counters.concealed_ms == buffer.counters.filled_ms == 0


def test_a_machine_that_slept_does_not_flood_the_agent() -> None:
    buffer = JitterBuffer()
    buffer.push(packet(0), 0.0)
    buffer.poll(3600.0)
    assert len(buffer.poll(3600.02)) <= 3
    assert buffer.counters.skipped_ms == pytest.approx(3_600_000, abs=100)


def test_patience_grows_where_filling_cost_real_audio_and_ends_again() -> None:
    """A line that holds packets back for 100 ms each second, then no more."""
    arrivals = [(max(n * FRAME_S, (n // 50) + 0.1 if n >= 50 else 0.0), packet(n)) for n in range(1500)]
    heard = play(arrivals, until_s=30)
    assert heard.counters.surplus < 12, "after the first seconds the stalls are waited for"
    assert heard.numbers[-1000:] == list(range(500, 1500))
    buffer = JitterBuffer()
    for at_s, arrived in arrivals[:200]:
        buffer.poll(at_s - 0.001)
        buffer.push(arrived, at_s)
    for n in range(200, 1700):
        buffer.push(packet(n), n * FRAME_S)
    buffer.poll(40.0)
    buffer.poll(40.02)
    assert buffer.next_deadline_s - buffer.due_s < 0.02


# streams


def test_a_new_ssrc_is_followed_at_once() -> None:
    buffer = JitterBuffer()
    buffer.push(packet(0), 0.0)
    other = packet(5000, ssrc=8)
    assert buffer.push(other, 0.02) == (other.payload,)
    assert buffer.push(packet(1), 0.021) == ()
    assert buffer.counters == JitterCounters(received=3, ssrc_changes=1, stray=1)


def test_the_old_stream_may_come_back() -> None:
    buffer = JitterBuffer()
    out: list[bytes] = []
    for second, ssrc in enumerate((7, 8, 7)):
        for n in range(50):
            out += buffer.push(packet(n, ssrc=ssrc), second + n * FRAME_S)
    assert [number_of(payload) for payload in out] == [*range(50)] * 3
    assert buffer.counters.ssrc_changes == 2


def test_what_waited_behind_a_hole_is_not_forgotten_with_the_old_stream() -> None:
    buffer = JitterBuffer()
    buffer.push(packet(0), 0.0)
    buffer.push(packet(2), 0.04)
    pieces = buffer.push(packet(0, ssrc=8), 0.045)
    assert [number_of(piece) for piece in pieces][-2:] == [2, 0]
    assert buffer.release_at_s == inf


def test_a_leap_of_the_numbers_is_believed_the_second_time() -> None:
    buffer = JitterBuffer()
    out: list[bytes] = []
    for n in [*range(10), 20000, *range(10, 20), 30000, 30001, 30002]:
        out += buffer.push(packet(n), buffer.due_s if buffer.due_s < inf else 0.0)
    assert [number_of(payload) for payload in out] == [*range(20), 1, 2]
    assert buffer.counters.stray == 2
    assert buffer.counters.resynchronised == 1


@pytest.mark.parametrize("leap", [-(2**31), -100_000, -160, 100_000, 2**31 - 1])
def test_a_leap_of_the_timestamps_loses_nothing(leap: int) -> None:
    arrivals = [(n * FRAME_S, packet(n, ticks=n * FRAME + (leap if n >= 50 else 0))) for n in range(100)]
    heard = play(arrivals, until_s=1.99)
    assert len(heard.pieces) == 100
    assert heard.given == 100 * FRAME


@pytest.mark.parametrize("kind", [TELEPHONE_EVENT, COMFORT_NOISE, PCMA])
def test_events_and_noise_are_never_audio_and_leave_no_hole_in_the_numbers(kind: int) -> None:
    arrivals = [(n * FRAME_S, packet(n, kind=kind if 20 <= n < 30 else PCMU)) for n in range(60)]
    heard = play(arrivals, until_s=1.19)
    assert not set(heard.numbers) & set(range(20, 30))
    assert heard.numbers[-25:] == list(range(35, 60))
    assert heard.given / 8000 == pytest.approx(1.2, abs=0.04)
    assert heard.counters.wrong_payload_type == 10
    assert heard.counters.lost == 0


@pytest.mark.parametrize("length", [0, 60000])
def test_a_packet_of_impossible_length_is_counted(length: int) -> None:
    buffer = JitterBuffer()
    buffer.push(packet(0), 0.0)
    assert buffer.push(Packet(PCMU, False, 65501, 0, 7, bytes(length)), 0.02) == ()
    assert buffer.counters.wrong_length == 1


# anything


events = st.tuples(
    st.floats(0, 0.2),  # seconds since the event before
    st.one_of(
        st.none(),
        st.builds(
            Packet,
            payload_type=st.sampled_from([PCMU, PCMU, PCMU, TELEPHONE_EVENT, COMFORT_NOISE]),
            marker=st.booleans(),
            sequence=st.one_of(st.integers(0, 20), st.integers(65530, 65535), st.integers(0, 65535)),
            timestamp=st.one_of(st.integers(0, 20).map(lambda n: n * FRAME), st.integers(0, 2**32 - 1)),
            ssrc=st.sampled_from([7, 7, 7, 8]),
            payload=st.sampled_from([80, 160, 160, 160, 240, 800, 0]).map(lambda length: b"\x10" * length),
        ),
    ),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=60))
def test_no_pattern_of_arrivals_breaks_the_timeline(pattern: list[tuple[float, Packet | None]]) -> None:
    buffer, heard = JitterBuffer(), Heard()
    now_s, next_poll_s = 0.0, 0.0
    begun_s: float | None = None
    for pause_s, arrived in pattern:
        now_s += pause_s
        while next_poll_s < now_s:
            heard.take(next_poll_s, buffer.poll(next_poll_s))
            next_poll_s += FRAME_S
        if arrived:
            begun_s = now_s if begun_s is None else begun_s
            heard.take(now_s, buffer.push(arrived, now_s))
    for _ in range(10):
        heard.take(next_poll_s, buffer.poll(next_poll_s))
        next_poll_s += FRAME_S
    if begun_s is not None:
        assert buffer.due_s - begun_s == pytest.approx(heard.given / 8000, abs=1e-6)
        assert -0.14 <= buffer.due_s - next_poll_s <= 0.15
    assert all(payload for _, payload in heard.pieces)
    counters = buffer.counters
    assert counters.received == sum(arrived is not None for _, arrived in pattern)
    assert counters.lost >= 0
    assert buffer.release_at_s == inf


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=40, unique=True),
    st.lists(st.floats(-0.03, 0.03), min_size=40, max_size=40),
)
def test_whatever_is_lost_or_late_the_order_is_kept(sent: list[int], delays_s: list[float]) -> None:
    arrivals = [(0.05 + n * FRAME_S + delays_s[n], packet(n)) for n in sorted(sent)]
    heard = play(arrivals, until_s=1.5)
    assert heard.numbers == sorted(set(heard.numbers))
    assert heard.given / 8000 == pytest.approx(1.5 - min(at for at, _ in arrivals), abs=0.15)


def test_the_fast_way_and_the_long_way_agree() -> None:
    """Packets in order meet neither concealment nor silence, however early or late within bounds."""
    dice = random.Random(5)
    heard = play([(n * FRAME_S + dice.uniform(0, 0.01), packet(n)) for n in range(500)], until_s=9.9)
    assert heard.numbers == list(range(500))
    assert heard.counters == JitterCounters(received=500)


@pytest.mark.parametrize("jitter_s", [0.002, 0.01, 0.04])
@pytest.mark.parametrize("loss", [0.0, 0.05])
@pytest.mark.parametrize("ppm", [-3000, 0, 3000])
def test_what_passes_at_once_is_what_would_have_been_pushed(loss: float, ppm: float, jitter_s: float) -> None:
    arrivals = network(random.Random(5), seconds=20, loss=loss, ppm=ppm, jitter_s=jitter_s, reorder=True)
    for at in (100, 300):  # other streams, kinds and lengths, a leap of the timestamps, a pause
        arrivals[at] = arrivals[at][0], packet(at, kind=TELEPHONE_EVENT)
        arrivals[at + 20] = arrivals[at + 20][0], packet(at, ssrc=8)
        arrivals[at + 40] = arrivals[at + 40][0], packet(at, length=0)
        arrivals[at + 60] = arrivals[at + 60][0], packet(at, ticks=7)
        del arrivals[at + 80 : at + 100]
        arrivals += [(at_s + 0.001, again) for at_s, again in arrivals[at + 110 : at + 150]]
    at_once: list[float] = []
    pushed, passed = play(arrivals, until_s=20), play(arrivals, until_s=20, at_once=at_once)
    assert passed.pieces == pushed.pieces
    assert passed.counters == pushed.counters
    assert len(at_once) > len(arrivals) / 2 or jitter_s > 0.01 or ppm


@given(st.binary(max_size=40))
def test_only_the_very_next_packet_passes_at_once(datagram: bytes) -> None:
    buffer, now_s = JitterBuffer(), 5.0
    assert buffer.pass_at_once(datagram, now_s) is None, "there is no stream yet"
    for number in range(2):
        buffer.push(packet(number), now_s + number * FRAME_S)
    following = build(packet(2))
    if datagram[:12] != following[:12]:
        assert buffer.pass_at_once(datagram, now_s + 2 * FRAME_S) is None
    assert buffer.pass_at_once(following[:12], now_s + 2 * FRAME_S) is None, "no audio"
    assert buffer.pass_at_once(following, now_s + 2 * FRAME_S) == parse(following).payload
    assert buffer.pass_at_once(following, now_s + 2 * FRAME_S) is None, "heard already"


def test_the_timeline_begins_once_however_often_it_is_begun() -> None:
    buffer, never = JitterBuffer(), JitterBuffer()
    assert buffer.due_s == inf
    buffer.start(5.0)
    buffer.start(7.0)
    assert buffer.due_s == 5.0
    assert never.release_at_s == inf


@pytest.mark.parametrize(("lost", "counted"), [(0, (0, 0)), (4, (4, 1))])
def test_the_packets_of_a_key_that_asterisk_took_out_are_not_lost(lost: int, counted: tuple[int, int]) -> None:
    """Of 160 ms: ten numbers, and the time of eight packets."""
    buffer = JitterBuffer()
    for number in range(5):
        buffer.push(packet(number), number * FRAME_S)
    resumed_s = (5 + 8 + lost) * FRAME_S
    buffer.key_reported(160, resumed_s - 0.02)
    for number in range(3):
        behind = packet(15 + lost + number, ticks=(13 + lost + number) * FRAME)
        buffer.push(behind, resumed_s + number * FRAME_S)
    buffer.poll(resumed_s + 0.1)
    assert (buffer.counters.lost, buffer.counters.lost_runs) == counted
    buffer.push(packet(6), resumed_s + 0.2)
    assert buffer.counters.lost == max(0, counted[0] - 1)
