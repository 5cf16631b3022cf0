"""RTP: what is written reads back, and no datagram can do harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ari_agent.errors import MalformedPacket
from ari_agent.media import rtp

CASES = Path(__file__).parent.parent / "data" / "rtp"
PCMA = 8  # RFC 3551 table 4
AUDIO = bytes((number * 7) & 0xFF for number in range(160))

packets = st.builds(
    rtp.Packet,
    payload_type=st.integers(0, 127).filter(lambda kind: not 64 <= kind <= 95),
    marker=st.booleans(),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=480),
)


def parse_case(name: str) -> rtp.Packet:
    return rtp.parse((CASES / f"{name}.bin").read_bytes())


@pytest.mark.parametrize(
    "name", ["pcmu_good", "csrc_good", "extension_good", "extension_empty_good", "padding_good", "all_options_good"]
)
def test_the_audio_is_found_behind_every_option(name: str) -> None:
    packet = parse_case(name)
    assert packet == rtp.Packet(rtp.PCMU, False, 4660, 305419896, 0xDEADBEEF, AUDIO)


def test_the_marker_is_not_part_of_the_payload_type() -> None:
    packet = parse_case("marker_good")
    assert packet.marker
    assert packet.payload_type == rtp.PCMU


def test_a_packet_may_be_longer_than_a_frame() -> None:
    packet = parse_case("pcma_60ms_good")
    assert packet.payload_type == PCMA
    assert len(packet.payload) == 480


def test_fifteen_contributors_are_the_most_and_allowed() -> None:
    datagram = bytes([0x8F]) + (CASES / "pcmu_good.bin").read_bytes()[1:12] + bytes(60) + AUDIO
    assert rtp.parse(datagram).payload == AUDIO


def test_padding_may_be_all_there_is() -> None:
    assert parse_case("padding_only_good").payload == b""


def test_events_and_comfort_noise_keep_their_types() -> None:
    assert parse_case("telephone_event_good").payload_type == 101
    assert parse_case("comfort_noise_good").payload_type == rtp.COMFORT_NOISE


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("header_truncated", "truncated-header"),
        ("empty_truncated", "truncated-header"),
        ("version_1_invalid", "version"),
        ("version_0_stun_invalid", "version"),
        ("csrc_truncated", "truncated-csrc"),
        ("extension_header_truncated", "truncated-extension"),
        ("extension_body_truncated", "truncated-extension"),
        ("padding_zero_invalid", "padding"),
        ("padding_too_long_invalid", "padding"),
        ("padding_missing_truncated", "padding"),
        ("rtcp_sender_report_invalid", "rtcp"),
    ],
)
def test_a_malformed_packet_is_refused_with_its_reason(name: str, reason: str) -> None:
    with pytest.raises(MalformedPacket) as refused:
        parse_case(name)
    assert refused.value.reason == reason


@given(st.binary(max_size=100))
@example(b"\xff" * 12)
@example(b"\xb0" + b"\x00" * 15)
def test_no_datagram_crashes_the_parser(datagram: bytes) -> None:
    try:
        packet = rtp.parse(datagram)
    except MalformedPacket:
        return
    assert len(packet.payload) <= len(datagram) - rtp.HEADER_BYTES
    assert datagram.find(packet.payload) >= 0


@given(packets)
def test_what_is_built_reads_back(packet: rtp.Packet) -> None:
    assert rtp.parse(rtp.build(packet)) == packet


@given(packets, st.data())
def test_a_packet_cut_anywhere_is_a_shorter_packet_or_refused(packet: rtp.Packet, data: st.DataObject) -> None:
    datagram = rtp.build(packet)
    cut = datagram[: data.draw(st.integers(0, len(datagram)))]
    try:
        assert packet.payload.startswith(rtp.parse(cut).payload)
    except MalformedPacket as refused:
        assert refused.reason == "truncated-header"


def test_a_stream_numbers_its_packets_and_wraps() -> None:
    stream = rtp.RtpStream(ssrc=7, sequence=0xFFFF, timestamp=0xFFFFFFFF - 79)
    first, second = rtp.parse(stream.packet(AUDIO, True)), rtp.parse(stream.packet(AUDIO))
    assert (first.sequence, first.timestamp, first.marker) == (0xFFFF, 0xFFFFFFFF - 79, True)
    assert (second.sequence, second.timestamp, second.marker) == (0, 80, False)
    assert first.ssrc == second.ssrc == 7
    assert second.payload == AUDIO


def test_time_without_packets_moves_the_timestamp_only() -> None:
    stream = rtp.RtpStream(ssrc=7, sequence=1, timestamp=0xFFFFFF00)
    stream.skip(320)
    packet = rtp.parse(stream.packet(AUDIO))
    assert (packet.sequence, packet.timestamp) == (1, 0x40)


def test_a_stream_is_built_byte_for_byte_like_its_packet() -> None:
    stream = rtp.RtpStream(ssrc=9, sequence=3, timestamp=4, payload_type=PCMA)
    assert stream.packet(AUDIO, True) == rtp.build(rtp.Packet(PCMA, True, 3, 4, 9, AUDIO))


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_sequence_numbers_are_compared_on_their_circle(earlier: int, delta: int) -> None:
    assert rtp.sequence_delta((earlier + delta) & 0xFFFF, earlier) == delta


@given(st.integers(0, 0xFFFFFFFF), st.integers(-(2**31), 2**31 - 1))
def test_timestamps_are_compared_on_their_circle(earlier: int, delta: int) -> None:
    assert rtp.timestamp_delta((earlier + delta) & 0xFFFFFFFF, earlier) == delta
