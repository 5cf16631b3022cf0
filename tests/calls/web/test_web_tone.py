"""The tone of a recorded web call, in what its user hears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ari_agent.calls.media.announcement import recording_tone
from ari_agent.calls.web.web_tone import WebTone
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import linear_to_ulaw, ulaw_to_linear
from tests.fakes.sound import tone
from tests.fakes.tones import heard_ms

BEEP_HZ = 1400
START_S = 50.0
WIDE = AudioFormat(audio_websocket_protocol="web", audio_encoding="s16le", sample_rate=8000)
MULAW = AudioFormat(audio_websocket_protocol="web", audio_encoding="mulaw", sample_rate=8000)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * 8000))


def places(pcm: bytes) -> list[tuple[float, float]]:
    """From when to when there is sound, in seconds, in silence; gaps of up to 20 ms are none."""
    loud = np.flatnonzero(np.frombuffer(pcm, "<i2")) / 8000
    if not len(loud):
        return []
    cuts = np.flatnonzero(np.diff(loud) > 0.02)
    begins, ends = [loud[0], *loud[cuts + 1]], [*loud[cuts], loud[-1]]
    return [(round(float(a), 2), round(float(b), 2)) for a, b in zip(begins, ends, strict=True)]


@pytest.mark.parametrize("piece_s", [0.02, 0.05, 0.125, 1.0, 10.0])
def test_it_stands_where_it_is_due_however_the_agent_sends(piece_s: float) -> None:
    laid = WebTone(WIDE, every_s=3, start_s=START_S)
    heard, at_s = b"", START_S
    while len(heard) < len(silence(10.0)):
        heard += laid.laid_into(silence(piece_s), at_s)
        at_s += piece_s
    assert places(heard) == [(3.0, 3.2), (6.0, 6.2), (9.0, 9.2)]


def test_it_is_mixed_and_not_put_in_place_of_what_is_said() -> None:
    said = tone(500, 2.0).astype("<i2").tobytes()
    heard = WebTone(WIDE, every_s=1, start_s=START_S).laid_into(said, START_S)
    both = np.frombuffer(heard, "<i2").astype(np.int32) - np.frombuffer(said, "<i2")
    assert both[8000:9600].astype("<i2").tobytes() == recording_tone(8000)
    assert not both[:8000].any()
    assert not both[9600:].any()


def test_in_mu_law_it_is_mixed_as_well() -> None:
    heard = WebTone(MULAW, every_s=1, start_s=START_S).laid_into(b"\xff" * 16000, START_S)
    assert ulaw_to_linear(heard)[16000:19200] == ulaw_to_linear(linear_to_ulaw(recording_tone(8000)))


def test_while_the_agent_is_silent_it_is_alone_and_keeps_its_time() -> None:
    laid = WebTone(WIDE, every_s=5, start_s=START_S)
    sent = [at for at in range(0, 17) if laid.alone(START_S + at + 0.4)]
    assert sent == [5, 10, 15]


def test_one_that_is_overdue_begins_with_the_next_sound() -> None:
    laid = WebTone(WIDE, every_s=5, start_s=START_S)
    assert places(laid.laid_into(silence(1.0), START_S + 7.3)) == [(0.0, 0.2)]
    assert not laid.alone(START_S + 9.9)
    assert laid.alone(START_S + 10.0)


def test_what_is_cleared_takes_its_tones_with_it_and_later_ones_come_in_time() -> None:
    laid = WebTone(WIDE, every_s=5, start_s=START_S)
    assert len(places(laid.laid_into(silence(12.0), START_S))) == 2
    laid.leave_out(START_S + 3.0)
    assert places(laid.laid_into(silence(4.0), START_S + 3.0)) == [(2.0, 2.2)]


def test_the_rest_of_a_tone_is_left_out_where_the_agent_stops() -> None:
    laid = WebTone(WIDE, every_s=5, start_s=START_S)
    assert places(laid.laid_into(silence(0.1), START_S + 4.95)) == [(0.05, 0.1)]
    assert places(laid.laid_into(silence(0.1), START_S + 6.0)) == []


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16_000, 44_100, 48_000])
def test_it_sounds_the_same_at_every_rate(rate_hz: int) -> None:
    audio = AudioFormat(audio_websocket_protocol="web", audio_encoding="s16le", sample_rate=rate_hz)
    sent: Any = np.frombuffer(WebTone(audio, every_s=1, start_s=0).alone(1.0), "<i2").astype(np.int16)
    assert len(sent) / rate_hz == pytest.approx(0.2, abs=0.001)
    at_8k = np.interp(np.arange(1600) / 8000, np.arange(len(sent)) / rate_hz, sent).astype(np.int16)
    assert heard_ms(at_8k, BEEP_HZ) == pytest.approx(200, abs=60)
