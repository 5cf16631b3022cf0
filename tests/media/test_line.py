"""Which codec the line has, and that all the audio of a wideband one is wideband: heard, concealed, played."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.audio import LINEAR_16K, level_dbfs
from ari_agent.media.g722 import G722Decoder, G722Encoder
from ari_agent.media.jitter_buffer import JitterBuffer
from ari_agent.media.line import NARROWBAND, WIDEBAND, Line, line_for
from ari_agent.media.playout import Playout
from tests.fakes.sound import strongest_tone, tone
from tests.media.test_bridge import Rig

HZ = 16_000
FRAME_BYTES = 640
HIGH_HZ = 6000


@pytest.mark.parametrize(
    ("caller_is_wideband", "encoding", "rate_hz", "line"),
    [
        (True, "s16le", 16_000, WIDEBAND),
        (True, "s16le", 48_000, WIDEBAND),
        (True, "s16le", 8_000, NARROWBAND),
        (True, "mulaw", 8_000, NARROWBAND),
        (False, "s16le", 16_000, NARROWBAND),
    ],
)
def test_the_line_is_wideband_where_both_sides_are(
    caller_is_wideband: bool, encoding: str, rate_hz: int, line: Line
) -> None:
    chosen = line_for(caller_is_wideband=caller_is_wideband, agent_encoding=encoding, agent_rate_hz=rate_hz)
    assert chosen is line


def frames(hz: float, seconds: float) -> list[bytes]:
    pcm = tone(hz, seconds, rate_hz=HZ).tobytes()
    return [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]


def packets(hz: float, seconds: float) -> list[rtp.Packet]:
    encoder = G722Encoder()
    return [
        rtp.Packet(rtp.G722, False, number, number * 160, 7, encoder.encode(frame))
        for number, frame in enumerate(frames(hz, seconds))
    ]


def sound(pieces: list[bytes]) -> NDArray[np.int16]:
    return np.frombuffer(b"".join(pieces), "<i2").astype(np.int16)


@pytest.mark.parametrize("at_once", [True, False], ids=["as datagrams", "parsed"])
def test_what_a_caller_says_is_decoded_in_order(at_once: bool) -> None:
    buffer = JitterBuffer(WIDEBAND)
    heard: list[bytes] = []
    for number, packet in enumerate(packets(HIGH_HZ, 1.0)):
        audio = buffer.pass_at_once(rtp.build(packet), number * 0.02) if at_once else None
        heard += [audio] if audio is not None else buffer.push(packet, number * 0.02)
    assert {len(piece) for piece in heard} == {FRAME_BYTES}
    assert strongest_tone(sound(heard)[HZ // 10 :], rate_hz=HZ).share > 0.99


@pytest.mark.parametrize("hz", [250, 2500, HIGH_HZ])
def test_a_lost_packet_is_concealed_in_the_whole_band(hz: int) -> None:
    buffer = JitterBuffer(WIDEBAND)
    heard: list[bytes] = []
    for number, packet in enumerate(packets(hz, 1.0)):
        if number != 25:
            heard += buffer.push(packet, number * 0.02)
        heard += buffer.poll(number * 0.02 + 0.019)
    assert buffer.counters.lost == 1
    assert len(sound(heard)) == pytest.approx(HZ, abs=2 * 320)
    found = strongest_tone(sound(heard)[HZ // 10 :], rate_hz=HZ)
    assert found.frequency_hz == pytest.approx(hz, abs=20)
    assert found.share > 0.9
    gap = sound(heard)[25 * 320 : 26 * 320]
    assert level_dbfs(gap.tobytes()) == pytest.approx(-13, abs=4)


def test_a_wideband_queue_counts_time_as_a_narrowband_one() -> None:
    playout = Playout(LINEAR_16K)
    playout.push(b"".join(frames(HIGH_HZ, 0.1))[: 4 * FRAME_BYTES + 320])
    playout.mark("end")
    assert (playout.queued_units, playout.ready) == (4 * 160 + 80, True)
    played = [frame for frame in (playout.next_frame() for _ in range(7)) if frame]
    assert [len(frame) for frame in played] == [FRAME_BYTES] * 5
    assert not any(played[-1][320:])
    assert playout.take_played_marks() == ["end"]
    assert playout.queued_units == 0


def test_a_wideband_stall_is_trimmed_without_a_click() -> None:
    playout = Playout(LINEAR_16K)
    live = itertools.cycle(frames(500, 1.0))
    played: list[bytes] = []
    for number in range(200):
        if not 50 <= number < 65:
            for _ in range(16 if number == 65 else 1):
                playout.push(next(live))
        played.append(playout.next_frame() or bytes(FRAME_BYTES))
    assert playout.counters.trimmed_ms > 200
    assert {len(frame) for frame in played} == {FRAME_BYTES}


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
def test_an_agent_of_any_wideband_rate_is_heard_above_4_khz_however_it_cuts_its_audio(rate_hz: int) -> None:
    said = tone(HIGH_HZ, 1.0, rate_hz=rate_hz).tobytes()
    encoding = AgentEncoding("s16le", rate_hz, LINEAR_16K)
    pieces = [encoding.from_agent(said[start : start + 333]) for start in range(0, len(said), 333)]
    assert all(len(piece) % 4 == 0 for piece in pieces)
    assert strongest_tone(sound(pieces), rate_hz=HZ).frequency_hz == pytest.approx(HIGH_HZ, abs=5)
    assert len(encoding.to_agent(frames(HIGH_HZ, 0.02)[0])) == pytest.approx(rate_hz // 50 * 2, abs=16)
    encoding.clear()
    assert encoding.from_agent(b"\x01") == b""


def test_mu_law_agents_have_no_wideband_line() -> None:
    with pytest.raises(ValueError, match="needs a line of mu-law"):
        AgentEncoding("mulaw", 8000, LINEAR_16K)


def test_a_bridge_speaks_g722_with_the_timestamps_of_8_khz() -> None:
    rig = Rig(encoding="s16le", rate_hz=HZ, line=WIDEBAND)
    rig.bridge.start()
    for frame in frames(HIGH_HZ, 0.4):
        rig.bridge.play(frame)
        rig.tick()
    assert {(packet.payload_type, len(packet.payload)) for packet in rig.to_caller} == {(rtp.G722, 160)}
    stamps = [packet.timestamp for packet in rig.to_caller]
    assert {(later - earlier) % 2**32 for earlier, later in itertools.pairwise(stamps)} == {160}
    decoder = G722Decoder()
    heard = sound([decoder.decode(packet.payload) for packet in rig.to_caller])
    assert strongest_tone(heard[3200:], rate_hz=HZ).frequency_hz == pytest.approx(HIGH_HZ, abs=20)
    assert rig.bridge.agent_dbfs == pytest.approx(-13, abs=1)


def test_a_bridge_hears_g722_and_knows_speech_from_silence() -> None:
    rig = Rig(encoding="s16le", rate_hz=HZ, line=WIDEBAND)
    rig.bridge.start()
    began_s = rig.bridge.heard_s
    encoder = G722Encoder()
    for frame in [bytes(FRAME_BYTES)] * 20:
        rig.now_s += 0.02
        rig.caller_says(encoder.encode(frame))
    assert rig.bridge.heard_s == began_s
    for frame in frames(HIGH_HZ, 0.4):
        rig.now_s += 0.02
        rig.caller_says(encoder.encode(frame))
    assert rig.bridge.heard_s > began_s
    assert rig.bridge.caller_dbfs == pytest.approx(-13, abs=1.5)
    rig.bridge.mute(True)
    rig.now_s += 0.02
    rig.caller_says(encoder.encode(frames(HIGH_HZ, 0.02)[0]))
    assert rig.to_agent[-1] == bytes(FRAME_BYTES)
    assert {len(piece) for piece in rig.to_agent} == {FRAME_BYTES}
