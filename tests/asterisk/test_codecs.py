from __future__ import annotations

import pytest

from ari_agent.asterisk.codecs import is_wideband


@pytest.mark.parametrize(
    ("codec", "wideband"),
    [("ulaw", False), ("alaw", False), ("slin", False), ("g729", False), ("", False), ("g722", True), ("opus", True)],
)
def test_a_codec_is_wideband_or_that_of_a_telephone_line(codec: str, wideband: bool) -> None:
    assert is_wideband(codec) is wideband
