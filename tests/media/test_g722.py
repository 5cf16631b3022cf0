"""G.722: what goes in comes out, at half the bytes of mu-law at 16 kHz, piece by piece as in one."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.media.g722 import G722Decoder, G722Encoder
from tests.fakes.sound import strongest_tone, tone

FRAME_BYTES = 640


@pytest.mark.parametrize("hz", [300, 1000, 3000, 5000, 6800])
def test_a_tone_of_the_whole_band_survives(hz: int) -> None:
    said = tone(hz, 1.0, rate_hz=16_000)
    heard = np.frombuffer(G722Decoder().decode(G722Encoder().encode(said.tobytes())), "<i2")
    found = strongest_tone(heard[1600:], rate_hz=16_000)
    assert found.frequency_hz == pytest.approx(hz, abs=5)
    assert found.level_dbfs == pytest.approx(-10, abs=1.5)
    assert found.share > 0.99


def test_twenty_milliseconds_are_as_many_bytes_as_in_g711_and_pieces_make_the_whole() -> None:
    said = tone(1000, 0.2, rate_hz=16_000).tobytes()
    pieces = [said[start : start + FRAME_BYTES] for start in range(0, len(said), FRAME_BYTES)]
    encoder, decoder = G722Encoder(), G722Decoder()
    encoded = [encoder.encode(piece) for piece in pieces]
    assert {len(payload) for payload in encoded} == {160}
    assert b"".join(encoded) == G722Encoder().encode(said)
    assert b"".join(decoder.decode(payload) for payload in encoded) == G722Decoder().decode(b"".join(encoded))


def test_half_a_pair_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number of pairs"):
        G722Encoder().encode(bytes(642))
