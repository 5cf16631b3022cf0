"""What one 20 ms frame costs in each of the pure media modules: `python -m tests.benchmarks.media`.

Microseconds of one core, the best of five rounds, as a table; `--json` prints one object.
"""

from __future__ import annotations

import argparse
import json
import random
import timeit
from collections.abc import Callable, Iterator

from ari_agent.media import audio, rtp
from ari_agent.media.concealment import Concealer
from ari_agent.media.jitter_buffer import JitterBuffer
from ari_agent.media.playout import Playout
from ari_agent.media.resampler import Resampler

ROUNDS = 5
FRAME_S = 0.02


def microseconds(operation: Callable[[], object], *, times: int = 20_000) -> float:
    operation()
    return min(timeit.repeat(operation, number=times, repeat=ROUNDS)) / times * 1e6


def speech_like(samples: int, *, peak: int = 9000) -> bytes:
    """Noise as loud as a voice on the telephone, s16le."""
    dice = random.Random(1)
    return b"".join(dice.randint(-peak, peak).to_bytes(2, "little", signed=True) for _ in range(samples))


def operations() -> Iterator[tuple[str, Callable[[], object]]]:
    pcm = speech_like(160)
    ulaw = audio.linear_to_ulaw(pcm)
    stream = rtp.RtpStream(ssrc=1, sequence=2, timestamp=3)
    datagram = stream.packet(ulaw)
    yield "RTP parse", lambda: rtp.parse(datagram)
    yield "RTP build", lambda: stream.packet(ulaw)
    yield "mu-law to linear", lambda: audio.ulaw_to_linear(ulaw)
    yield "linear to mu-law", lambda: audio.linear_to_ulaw(pcm)
    yield "level", lambda: audio.level_dbfs(pcm)
    yield "jitter buffer, push in order", jitter_in_order(ulaw)
    yield "jitter buffer, poll with nothing due", jitter_poll(ulaw)
    yield "concealment of one lost frame", concealment(ulaw)
    yield "playout, push and next_frame", playout(ulaw)
    for rate_hz in (16000, 22050, 24000, 32000, 44100, 48000):
        for from_hz, to_hz in ((8000, rate_hz), (rate_hz, 8000)):
            yield f"resample {from_hz} to {to_hz}", resampling(from_hz, to_hz)


def jitter_in_order(ulaw: bytes) -> Callable[[], object]:
    buffer, packet, now_s = JitterBuffer(), rtp.Packet(rtp.PCMU, False, 0, 0, 1, ulaw), 0.0

    def push() -> object:
        nonlocal now_s
        now_s += FRAME_S
        packet.sequence = (packet.sequence + 1) & 0xFFFF
        packet.timestamp = (packet.timestamp + 160) & 0xFFFFFFFF
        return buffer.push(packet, now_s)

    return push


def jitter_poll(ulaw: bytes) -> Callable[[], object]:
    buffer = JitterBuffer()
    buffer.push(rtp.Packet(rtp.PCMU, False, 0, 0, 1, ulaw), 1.0)
    return lambda: buffer.poll(1.01)


def concealment(ulaw: bytes) -> Callable[[], object]:
    concealer = Concealer()
    for _ in range(4):
        concealer.hear(ulaw)

    def conceal() -> object:
        concealer.conceal(160)
        return concealer.resume(ulaw)

    return conceal


def playout(ulaw: bytes) -> Callable[[], object]:
    queue = Playout()

    def through() -> object:
        queue.push(ulaw)
        return queue.next_frame()

    return through


def resampling(from_hz: int, to_hz: int) -> Callable[[], object]:
    resampler, pcm = Resampler(from_hz, to_hz), speech_like(from_hz // 50)
    return lambda: resampler.process(pcm)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    as_json = arguments.parse_args().json
    costs = {}
    for name, operation in operations():
        costs[name] = round(microseconds(operation), 2)
        if not as_json:
            print(f"{costs[name]:8.2f} us  {name}", flush=True)
    if as_json:
        print(json.dumps({"us_per_frame": costs}))


if __name__ == "__main__":
    main()
