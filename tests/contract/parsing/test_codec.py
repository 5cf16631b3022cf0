from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.codec import CODECS, Codec, codec_of


@pytest.mark.parametrize(
    ("name", "codec"),
    [("PCMU", "PCMU"), ("pcma", "PCMA"), ("OPUS", "opus"), ("ulaw", "PCMU"), ("G711a", "PCMA"), ("g.722", "G722")],
)
def test_a_codec_has_several_names_in_any_case(name: str, codec: str) -> None:
    assert codec_of(name) == codec
    assert TypeAdapter(Codec).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "g729", "PCMU/8000"])
def test_other_codecs_are_refused_with_those_that_there_are(name: str) -> None:
    assert codec_of(name) is None
    with pytest.raises(ValidationError, match=f"must be one of {', '.join(CODECS)}, not {name!r}"):
        TypeAdapter(Codec).validate_python(name)
