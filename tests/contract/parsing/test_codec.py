"""Codecs, by the names of SDP and by those that people use."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.codec import CODECS, Codec, codec_of


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("PCMU", "PCMU"),
        ("pcma", "PCMA"),
        ("ulaw", "PCMU"),
        ("G711A", "PCMA"),
        ("g.722", "G722"),
        ("OPUS", "opus"),
        ("g729", None),
        ("", None),
    ],
)
def test_a_codec_is_known_by_any_of_its_names(name: str, codec: str | None) -> None:
    assert codec_of(name) == codec


def test_a_codec_is_kept_as_it_was_written_and_an_unknown_one_is_refused() -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Codec)
    assert adapter.validate_python("ulaw") == "ulaw"
    with pytest.raises(ValidationError, match=f"must be one of {', '.join(CODECS)}, not 'g729'"):
        adapter.validate_python("g729")
