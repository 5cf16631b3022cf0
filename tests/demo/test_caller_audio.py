"""The caller's RTP: two of them talk to each other, and a hand-made sender tries to confuse one."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import numpy as np
import pytest

from ari_agent.demo.caller_audio import FRAME_SAMPLES, CallerAudio
from ari_agent.demo.measure import find, level_dbfs
from ari_agent.demo.sounds import speech, to_ulaw, tone


@pytest.fixture
async def listener() -> AsyncIterator[tuple[CallerAudio, int]]:
    audio = CallerAudio()
    port = await audio.open("127.0.0.1")
    yield audio, port
    audio.close()


def _packet(sequence: int, timestamp: int, payload: bytes, *, ssrc: int = 1, payload_type: int = 0) -> bytes:
    return struct.pack(">BBHII", 0x80, payload_type, sequence, timestamp & 0xFFFFFFFF, ssrc) + payload


async def _give(listener: tuple[CallerAudio, int], *packets: bytes) -> None:
    audio, port = listener
    for packet in packets:
        audio.datagram_received(packet, ("127.0.0.1", 9999))
    await asyncio.sleep(0)
    assert port


async def test_speech_arrives_whole(listener: tuple[CallerAudio, int]) -> None:
    audio, port = listener
    speaker = CallerAudio()
    await speaker.open("127.0.0.1")
    sending = asyncio.create_task(speaker.run(("127.0.0.1", port)))
    question = speech("caller_question")[:16000]
    began_at = await speaker.say(question)
    await speaker.say(tone(1000, 40, 8000))  # by then the question has arrived
    sending.cancel()
    speaker.close()
    assert began_at == 0
    assert find(question, audio.heard).correlation > 0.99


async def test_a_key_is_one_event_that_grows_and_ends_three_times() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        speaker = CallerAudio()
        await speaker.open("127.0.0.1")
        sending = asyncio.create_task(speaker.run(ear.getsockname()))
        await speaker.press("#", duration_ms=80)
        sending.cancel()
        speaker.close()
        ear.setblocking(False)
        packets = []
        while True:
            try:
                packets.append(ear.recv(2000))
            except BlockingIOError:
                break
    events = [packet for packet in packets if packet[1] & 0x7F == 101]
    fields = [struct.unpack(">BBH", packet[12:]) for packet in events]
    assert [duration for _, _, duration in fields] == [160, 320, 480, 640, 640, 640]
    assert [code for code, _, _ in fields] == [11] * 6
    assert [flags >> 7 for _, flags, _ in fields] == [0, 0, 0, 1, 1, 1]
    assert len({packet[4:8] for packet in events}) == 1
    assert [packet[1] >> 7 for packet in events] == [1, 0, 0, 0, 0, 0]
    sequences = [struct.unpack(">H", packet[2:4])[0] for packet in packets]
    assert sequences == [(sequences[0] + number) & 0xFFFF for number in range(len(packets))]


async def test_a_call_that_ends_meanwhile_ends_the_speech_and_the_key() -> None:
    speaker = CallerAudio()
    await speaker.open("127.0.0.1")
    speaking = asyncio.gather(speaker.say(speech("caller_question")), speaker.press("1"))
    await asyncio.sleep(0)
    speaker.close()
    async with asyncio.timeout(5):
        await speaking
        await speaker.say(speech("caller_question"))
        await speaker.press("2")


async def test_a_missing_packet_leaves_silence_of_its_length(listener: tuple[CallerAudio, int]) -> None:
    loud = to_ulaw(tone(1000, 20, 8000))
    base = 0xFFFFFFFF - 200  # the timestamp wraps
    await _give(listener, *(_packet(number, base + number * FRAME_SAMPLES, loud) for number in (0, 1, 3)))
    heard = listener[0].heard
    assert len(heard) == 4 * FRAME_SAMPLES
    assert not heard[2 * FRAME_SAMPLES : 3 * FRAME_SAMPLES].any()
    assert level_dbfs(heard[3 * FRAME_SAMPLES :]) > -20


async def test_a_late_packet_takes_its_place(listener: tuple[CallerAudio, int]) -> None:
    frames = [to_ulaw(np.full(FRAME_SAMPLES, value, np.int16)) for value in (1000, 2000, 3000)]
    await _give(listener, *(_packet(number, number * FRAME_SAMPLES, frames[number]) for number in (0, 2, 1)))
    assert np.all(np.diff(listener[0].heard) >= 0)


async def test_a_packet_from_before_the_first_one_is_passed_over(listener: tuple[CallerAudio, int]) -> None:
    loud = to_ulaw(tone(1000, 20, 8000))
    await _give(listener, *(_packet(0, timestamp, loud) for timestamp in (1000, 840, 1160)))
    assert listener[0].heard_samples == 2 * FRAME_SAMPLES


async def test_a_new_stream_is_joined_to_the_old_one(listener: tuple[CallerAudio, int]) -> None:
    loud = to_ulaw(tone(1000, 20, 8000))
    await _give(
        listener,
        _packet(0, 5000, loud),
        _packet(0, 3_000_000_000, loud, ssrc=2),
        _packet(1, 3_000_000_160, loud, ssrc=2),
        _packet(2, 1_000_000_000, loud, ssrc=2),
    )
    assert listener[0].heard_samples == 4 * FRAME_SAMPLES


async def test_strangers_and_other_payloads_are_not_heard(listener: tuple[CallerAudio, int]) -> None:
    audio, _ = listener
    await _give(listener, _packet(0, 0, b"\x00" * 160), _packet(1, 160, b"\x00" * 4, payload_type=101), b"", b"\x80")
    audio.datagram_received(_packet(2, 160, b"\x00" * 160), ("127.0.0.1", 1))
    assert (audio.heard_samples, audio.packets_received) == (160, 1)
