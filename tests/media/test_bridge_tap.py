"""Where a listener hears both sides of a call: as its parties hear them, recorded or not, and the call goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ari_agent.media.bridge_tap import BridgeTap
from ari_agent.media.g722 import G722Encoder
from ari_agent.media.line import WIDEBAND
from tests.fakes.sound import ulaw_decode
from tests.media.test_recorded_bridge import AGENT, CALLER, RecordedCall, found_s, jittery, noise, talk

PACKET = 160
PIECES_S = 0.08
"""Pieces come every 60 ms; one may come a tick later."""


class Listener:
    """Taps a call from now on, and keeps what it is given, and when."""

    def __init__(self, call: RecordedCall) -> None:
        self.call, self.pieces, self.at_s = call, list[bytes](), list[float]()
        self.began_s = call.timers.now_s
        self.tap = BridgeTap(call.bridge, call.line, write=self._take, clock=call.timers.time)

    def _take(self, stereo: bytes) -> None:
        self.pieces.append(stereo)
        self.at_s.append(self.call.timers.now_s)

    @property
    def heard(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def left(self) -> np.ndarray[Any, Any]:
        return ulaw_decode(self.heard[::2])

    @property
    def right(self) -> np.ndarray[Any, Any]:
        return ulaw_decode(self.heard[1::2])


@pytest.fixture(params=[False, True], ids=["not recorded", "recorded"])
def recorded(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def call(recorded: bool) -> Iterator[RecordedCall]:
    call = RecordedCall(is_recorded=recorded)
    call.timers.run(3.1234)
    yield call
    call.finish()


def test_both_sides_are_heard_when_their_parties_hear_them(call: RecordedCall) -> None:
    listener = Listener(call)
    for seed in (1, 3, 5):
        heard_s, spoken_s = talk(call, caller=noise(0.5, seed=seed), agent=noise(0.5, seed=seed + 1))
        call.timers.run(0.517)
        left_s, right_s = (
            found_s(listener.left, noise(0.5, seed=seed)),
            found_s(listener.right, noise(0.5, seed=seed + 1)),
        )
        began_s = listener.began_s - call.start_s
        assert left_s == pytest.approx(heard_s - began_s, abs=0.02)
        assert right_s == pytest.approx(spoken_s - began_s, abs=0.02)
    assert noise(0.5, seed=1) in listener.heard[::2], "sample by sample"
    assert noise(0.5, seed=2) in listener.heard[1::2], "sample by sample"
    assert all(len(piece) <= 2 * 8000 * 0.1 for piece in listener.pieces)
    assert max(np.diff(listener.at_s)) <= PIECES_S


def test_a_recording_is_the_same_with_and_without_a_listener() -> None:
    recordings = []
    for listens in (False, True):
        call = RecordedCall(delay_s=jittery(1, 0.03), is_lost=lambda index: index % 41 == 0)
        call.timers.run(1.0)
        listener = Listener(call) if listens else None
        talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
        if listener:
            listener.tap.close()
        talk(call, caller=noise(0.5, seed=3), agent=noise(0.5, seed=4))
        call.finish()
        recordings.append((b"".join(call.written), call.to_caller, call.to_agent))
    assert recordings[0] == recordings[1]


def test_after_its_end_a_tap_hears_nothing_and_has_given_all_away(call: RecordedCall) -> None:
    listener = Listener(call)
    call.said = bytes([CALLER]) * 80_000
    call.timers.run(1.01)
    listener.tap.close()
    heard = listener.heard
    assert len(heard) / 2 / 8000 == pytest.approx(1.01, abs=0.04)
    call.timers.run(1.0)
    assert listener.heard == heard
    assert (call.bridge.encoding.passes, call.to_agent[-1][1]) == (True, bytes([CALLER]) * PACKET)


@pytest.mark.parametrize(("stall_s", "within_s"), [(0.2, 0.02), (30.0, 0.06)])
def test_a_machine_that_stood_still_shifts_neither_side(call: RecordedCall, stall_s: float, within_s: float) -> None:
    """But for a packet or two that were on their way, where the axis begins anew."""
    listener = Listener(call)
    call.timers.run(2.0)
    call.timers.stall(stall_s)
    call.timers.run(3.0)
    heard_s, spoken_s = talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
    found = found_s(listener.left, noise(0.5, seed=1)), found_s(listener.right, noise(0.5, seed=2))
    assert found[0] - found[1] == pytest.approx(heard_s - spoken_s, abs=within_s)
    assert len(listener.left) / 8000 < 2.0 + 3.0 + 2.0 + min(stall_s, 1.0) + 0.1, "no more silence than a second"


def test_a_caller_who_sends_nothing_holds_the_agent_up_for_nobody(call: RecordedCall) -> None:
    call.silent = True
    listener = Listener(call)
    call.bridge.play(bytes([AGENT]) * 8000)
    call.timers.run(3.0)
    assert bytes([AGENT]) * 8000 in listener.heard[1::2]
    assert listener.call.timers.now_s - listener.at_s[-1] <= PIECES_S
    assert CALLER not in listener.heard[::2]


def test_a_pause_is_silence_on_both_sides(call: RecordedCall) -> None:
    listener = Listener(call)
    call.said = call_audio = bytes([CALLER]) * 24_000
    call.bridge.play(bytes([AGENT]) * len(call_audio))
    call.timers.run(1.0)
    listener.tap.pause(True)
    before = len(listener.heard)
    call.timers.run(1.0)
    listener.tap.pause(False)
    paused = listener.heard[before:]
    call.timers.run(0.5)
    assert paused == b"\xff" * len(paused)
    assert len(paused) / 16000 == pytest.approx(1.0, abs=0.05)
    assert {CALLER, AGENT} <= set(listener.heard[before + len(paused) + 1600 :])


def test_a_muted_caller_is_silent_for_listeners_too(call: RecordedCall) -> None:
    listener = Listener(call)
    call.bridge.mute(True)
    call.said = bytes([CALLER]) * 24_000
    call.timers.run(1.0)
    assert CALLER not in listener.heard[::2]


def test_wideband_is_heard_as_it_was_sent() -> None:
    call = RecordedCall(encoding="s16le", rate_hz=16000, line=WIDEBAND, is_recorded=False)
    said = (np.random.default_rng(1).normal(0, 4000, 8000)).astype("<i2").tobytes()
    tone = (9000 * np.sin(2 * np.pi * 3000 * np.arange(16000) / 16000)).astype("<i2")
    call.timers.run(1.0)
    listener = Listener(call)
    call.said = G722Encoder().encode(said)
    call.bridge.play(tone.tobytes())
    call.timers.run(1.5)
    stereo = np.frombuffer(listener.heard, "<i2")
    assert b"".join(audio for _, audio in call.to_agent)[-40000:-4000] in stereo[::2].tobytes()
    spectrum = np.abs(np.fft.rfft(stereo[1::2][4000:12000]))
    assert int(np.argmax(spectrum)) * 16000 / 8000 == pytest.approx(3000, abs=4)
    call.finish()


def test_packets_of_30_ms_are_heard_without_a_gap() -> None:
    call = RecordedCall(is_recorded=False, silent=True)
    call.timers.run(1.0)
    listener, sound = Listener(call), noise(1.5, seed=7)
    for index in range(50):
        call.receive(index * 240, sound[index * 240 : (index + 1) * 240])
        call.timers.run(0.03)
    assert sound[:11_000] in listener.heard[::2]
    call.finish()


@pytest.mark.parametrize("busy_s", [0.0, 0.03])
def test_where_the_agent_stands_does_not_hang_on_when_the_first_packet_leaves(
    call: RecordedCall, busy_s: float
) -> None:
    call.timers.run(0.001)
    listener = Listener(call)
    call.timers.stall(busy_s)
    call.timers.run(1.0)
    heard_s, spoken_s = talk(call, caller=noise(0.5, seed=1), agent=noise(0.5, seed=2))
    found = found_s(listener.left, noise(0.5, seed=1)), found_s(listener.right, noise(0.5, seed=2))
    assert found[0] - found[1] == pytest.approx(heard_s - spoken_s, abs=0.012)
