"""A sound under what the caller hears."""

from __future__ import annotations

import pytest

from ari_agent.media.audio import LINEAR_16K, ULAW, ULAW_SILENCE_FRAME, SampleFormat, mix
from ari_agent.media.background import Background
from ari_agent.media.g722 import G722Encoder
from ari_agent.media.line import NARROWBAND, WIDEBAND, Line
from tests.media.test_bridge import Rig, ulaw_tone
from tests.media.test_recorded_bridge import AGENT, RecordedCall

FRAMES = [bytes([0x90 + number]) * 160 for number in range(3)]
SOUND = b"".join(FRAMES)
LOUD = ulaw_tone()


def heard(rig: Rig) -> list[bytes]:
    return [packet.payload for packet in rig.to_caller]


def test_it_goes_on_under_speech_and_silence_and_begins_anew_at_its_end() -> None:
    rig = Rig(background=Background(SOUND, ULAW))
    rig.bridge.start()
    rig.tick(2)
    rig.bridge.play(LOUD * 2)
    rig.tick(3)
    assert heard(rig) == [FRAMES[0], FRAMES[1], mix(LOUD, FRAMES[2]), mix(LOUD, FRAMES[0]), FRAMES[1]]


def test_it_counts_as_nobodys_speech() -> None:
    rig = Rig(background=Background(LOUD, ULAW))
    rig.bridge.start()
    began_s = rig.bridge.heard_s
    rig.tick(100)
    assert heard(rig) == [LOUD] * 100
    assert rig.bridge.heard_s == began_s, "both sides are silent"
    assert not rig.bridge.agent_speech.sounds
    assert rig.bridge.playout.counters.played_frames == 0


def test_on_a_wideband_line_it_is_laid_under_before_the_codec() -> None:
    sound = bytes(range(160)) * 4
    rig = Rig(encoding="s16le", rate_hz=16000, line=WIDEBAND, background=Background(sound, LINEAR_16K))
    rig.bridge.start()
    rig.tick(2)
    encode = G722Encoder().encode
    assert heard(rig) == [encode(sound), encode(sound)]


@pytest.mark.parametrize(
    ("line", "encoding", "rate_hz", "of"),
    [(NARROWBAND, "mulaw", 8000, ULAW), (WIDEBAND, "s16le", 16000, LINEAR_16K)],
    ids=["narrowband", "wideband"],
)
def test_it_is_on_the_recording_as_it_was_heard(line: Line, encoding: str, rate_hz: int, of: SampleFormat) -> None:
    sound, speech = bytes([0x10]) * (160 * of.unit_bytes), bytes([AGENT]) * (160 * of.unit_bytes)
    call = RecordedCall(line=line, encoding=encoding, rate_hz=rate_hz, background=Background(sound, of))
    call.timers.run(1.0)
    call.bridge.play(speech * 25)
    call.timers.run(1.0)
    call.finish()
    width = len(of.silence) // of.samples_per_unit
    stereo = b"".join(call.written)
    right = b"".join(stereo[at : at + width] for at in range(width, len(stereo), 2 * width))
    before = right.index(mix(speech, sound, of) * 25) // len(speech)
    assert right.count(sound) == pytest.approx(75, abs=3)
    assert before == pytest.approx(50, abs=3), "one second, and all of it with the sound"


def test_without_one_a_frame_costs_nothing_more() -> None:
    rig = Rig()
    rig.bridge.start()
    rig.tick()
    assert rig.bridge._encode is None
    assert heard(rig) == [ULAW_SILENCE_FRAME]
