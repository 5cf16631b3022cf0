from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.parsing.json_text import parse_json
from ari_agent.contract.transcript import TranscriptUpdate, Utterance, as_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WORDS = st.fixed_dictionaries({}, optional={"word": TEXT, "start": st.integers(0, 7200), "end": st.floats(0, 7200)})
UTTERANCES = st.fixed_dictionaries(
    {"role": st.sampled_from(["agent", "user", "transfer_target"]), "content": TEXT},
    optional={"words": st.lists(WORDS, max_size=3)},
)
UPDATES = st.fixed_dictionaries(
    {"transcript": st.lists(UTTERANCES, max_size=5)},
    optional={"turntaking": st.sampled_from(["agent_turn", "user_turn"])},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(UPDATES)
def test_a_transcript_reads_back(update: dict[str, Any]) -> None:
    read = TranscriptUpdate.model_validate(update)
    assert read.changes() == update
    assert TranscriptUpdate.model_validate(parse_json(json.dumps(read.as_json()).encode())) == read


@given(st.fixed_dictionaries({}, optional={"transcript": JSON | st.lists(UTTERANCES | JSON), "turntaking": JSON}))
def test_no_json_crashes_it(update: dict[str, Any]) -> None:
    try:
        TranscriptUpdate.model_validate(update)
    except ValidationError as error:
        assert error.error_count()


def test_the_text_has_a_line_for_each_turn() -> None:
    said = [
        Utterance(role="agent", content="How can I help?"),
        Utterance(role="user", content="Two\nlines"),
        Utterance(role="transfer_target", content="Sales."),
    ]
    assert as_text(said) == "Agent: How can I help?\nUser: Two\nlines\nTransfer Target: Sales.\n"
    assert as_text([]) == ""


def test_what_takes_long_to_read_is_left_out() -> None:
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    many = {"role": "user", "content": "Yes.", "words": [{"word": "Yes."}] * 6_000, "metadata": {"deep": deep}}
    once, twice = (TranscriptUpdate.model_validate({"transcript": [many] * times}).transcript for times in (1, 2))
    assert (len(once[0].words), once[0].metadata) == (6_000, None)
    assert [(said.content, said.words) for said in twice] == [("Yes.", ())] * 2


@pytest.mark.parametrize("wrong", [float("nan"), "1", True])
def test_times_are_numbers(wrong: object) -> None:
    with pytest.raises(ValidationError):
        TranscriptUpdate.model_validate({"transcript": [{"role": "user", "content": "", "words": [{"start": wrong}]}]})
