"""Names of artefacts: what a stranger asks for leads nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.artefacts.artefact_name import ArtefactName


def test_a_name_is_a_path_in_the_store() -> None:
    name = ArtefactName("call_1", "recording.wav")
    assert name.path == "call_1/recording.wav"
    assert ArtefactName.of_path(name.path) == name


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("recording.wav", "audio/wav"),
        ("public-log.jsonl", "application/x-ndjson; charset=utf-8"),
        ("other.bin", "application/octet-stream"),
    ],
)
def test_the_content_type_is_that_of_the_extension(file: str, content_type: str) -> None:
    assert ArtefactName("call_1", file).content_type == content_type


@pytest.mark.parametrize(
    ("call_id", "file"),
    [
        ("..", "recording.wav"),
        ("", "recording.wav"),
        ("call_1/../call_2", "recording.wav"),
        ("call_1\n", "recording.wav"),
        ("c" * 129, "recording.wav"),
        ("call_1", ".."),
        ("call_1", ".lock"),
        ("call_1", "recording"),
        ("call_1", "a/b.wav"),
        ("call_1", "..wav"),
        ("call_1", "recording.wav\0"),
        ("call_1", "Recording.WAV"),
    ],
)
def test_what_is_no_name_is_refused(call_id: str, file: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        ArtefactName(call_id, file)


@given(st.text())
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    try:
        name = ArtefactName.of_path(path)
    except ValueError:
        return
    assert ".." not in name.path.split("/")
    assert name.path.count("/") == 1
    assert not name.path.startswith("/")
