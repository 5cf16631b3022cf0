from __future__ import annotations

import pytest

from ari_agent.asterisk.codecs import first_codec, is_wideband


@pytest.mark.parametrize(
    ("codec", "wideband"),
    [("ulaw", False), ("alaw", False), ("slin", False), ("g729", False), ("", False), ("g722", True), ("opus", True)],
)
def test_a_codec_is_wideband_or_that_of_a_telephone_line(codec: str, wideband: bool) -> None:
    assert is_wideband(codec) is wideband


@pytest.mark.parametrize(
    ("negotiated", "codec"), [("(ulaw)", "ulaw"), ("(g722|alaw)", "g722"), ("()", None), ("", None), ("opus", "opus")]
)
def test_the_first_codec_is_the_one_that_is_spoken(negotiated: str, codec: str | None) -> None:
    assert first_codec(negotiated) == codec
