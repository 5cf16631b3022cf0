"""What an inbound webhook answers, as the tools write it that customers build their webhooks with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.inbound_answer import Part, read_answer
from ari_agent.contract.parsing.json_text import MalformedJson


def read(answer: Any, part: Part = "call_inbound") -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a decision is read as, and what is left out of it."""
    found = read_answer(json.dumps({part: answer}).encode(), part)
    return found.answer.changes(), found.left_out


@pytest.mark.parametrize("part", ["call_inbound", "chat_inbound"])
def test_variables_become_text(part: Part) -> None:
    variables = {"s": "", "i": 5, "f": 2.0, "tiny": 5e-05, "b": False, "n": None, "o": {"a": [1, "ü"]}, "l": []}
    texts = {"s": "", "i": "5", "f": "2", "tiny": "0.00005", "b": "false", "o": '{"a":[1,"ü"]}', "l": "[]"}
    assert read({"dynamic_variables": variables}, part) == ({"dynamic_variables": texts}, ())


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", InboundWebhookAnswer.model_fields)
def test_null_and_the_empty_string_are_no_value(name: str, nothing: object) -> None:
    assert read({name: nothing}) == ({}, ())


@pytest.mark.parametrize(
    ("answer", "kept", "said"),
    [
        ({"reject": "false"}, {}, 'reject: must be true or false, not "false"'),
        ({"reject": 1}, {}, "reject: must be true or false, not 1"),
        ({"reject": True, "metadata": 5}, {"reject": True}, "metadata: must be an object, not 5"),
        ({"override_agent_id": 5, "metadata": {}}, {"metadata": {}}, "override_agent_id: must be a string, not 5"),
        ({"override_agent_version": "Prod"}, {}, "override_agent_version: "),
        ({"override_agent_version": -1}, {}, "override_agent_version: "),
        ({"dynamic_variables": "a=1"}, {}, 'dynamic_variables: must be an object, not "a=1"'),
        ("agent_12345", {}, "call_inbound: must be an object"),
        ([], {}, "call_inbound: must be an object"),
        ([{}, {}], {}, "call_inbound: must be an object"),
    ],
)
def test_a_field_that_cannot_be_read_is_left_out_alone(answer: Any, kept: dict[str, Any], said: str) -> None:
    found, (sentence,) = read(answer)
    assert found == kept
    assert sentence.startswith(said)


FINE = {"voice_speed": 1.5}
NAME = "agent_override"


@pytest.mark.parametrize(
    ("override", "kept", "said"),
    [
        (
            {"agent": {**FINE, "voice_temperature": 9}},
            {"agent": FINE},
            f"{NAME}.agent.voice_temperature: must be",
        ),
        ({"agent": FINE, "retell_llm": 5}, {"agent": FINE}, f"{NAME}.retell_llm: must be an object"),
        (
            {"agent": FINE, "retell_llm": {"kb_config": {"top_k": 0}}},
            {"agent": FINE, "retell_llm": {}},
            f"{NAME}.retell_llm.kb_config.top_k: must be",
        ),
        (
            {"agent": {**FINE, "response_engine": {"type": "custom-llm"}}},
            {"agent": FINE},
            f"{NAME}.agent.response_engine.llm_websocket_url: required",
        ),
        (5, None, "agent_override: must be an object"),
    ],
)
def test_a_setting_of_an_override_is_left_out_alone(override: Any, kept: Any, said: str) -> None:
    found, (sentence,) = read({"agent_override": override})
    assert found == ({} if kept is None else {"agent_override": kept})
    assert sentence.startswith(said)


def test_an_override_of_which_almost_all_is_wrong_is_left_out() -> None:
    wrong = {"pronunciation_dictionary": [{"word": "a", "alphabet": "x", "phoneme": 5}] * 500}
    found, left_out = read({"agent_override": {"agent": {**FINE, **wrong}}})
    assert found in ({}, {"agent_override": {"agent": FINE}})
    assert all("\n" not in sentence for sentence in left_out)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "answer: must be an object"),
        (b'"OK"', "answer: must be an object"),
        (b'{"reject":true}', "reject: belongs into call_inbound"),
        (b'[{"call_inbound":{"reject":"no"}},{}]', "answer: must be an object"),
    ],
)
def test_what_is_nowhere_to_be_found_overrides_nothing(body: bytes, said: str) -> None:
    found = read_answer(body, "call_inbound")
    assert found.answer.changes() == {}
    assert found.left_out == (said,)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "body", [b'{"call_inbound":{"reject":true}}', b'[{"call_inbound":[{"reject":true}]}]'], ids=["object", "array"]
)
def test_a_byte_order_mark_and_arrays_of_one_are_seen_through(mark: bytes, body: bytes) -> None:
    found = read_answer(mark + body, "call_inbound")
    assert found.answer.rejects
    assert found.left_out == ()


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b"null", b"\xef\xbb\xbf", b'{"chat_inbound":{"reject":true}}'])
def test_an_answer_may_say_nothing(body: bytes) -> None:
    assert read_answer(body, "call_inbound").answer.changes() == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.dictionaries(
    st.sampled_from([*InboundWebhookAnswer.model_fields, "custom_sip_headers"]), json_values, max_size=6
)


@given(st.one_of(st.binary(), json_values.map(json.dumps), fields.map(lambda some: json.dumps({"call_inbound": some}))))
def test_no_answer_crashes_the_reader(body: bytes | str) -> None:
    try:
        found = read_answer(body.encode() if isinstance(body, str) else body, "call_inbound")
    except MalformedJson as error:
        assert "\n" not in str(error)
    else:
        assert not any("\n" in sentence for sentence in found.left_out)


valid_answers = st.fixed_dictionaries(
    {},
    optional={
        "override_agent_id": st.text(min_size=1, max_size=256),
        "override_agent_version": st.integers(0, 2**31 - 1) | st.sampled_from(["latest", "prod-1"]),
        "dynamic_variables": st.dictionaries(st.text(), st.text(), max_size=4),
        "metadata": st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text() | st.none(), max_size=4),
        "reject": st.booleans(),
    },
)


@given(valid_answers)
def test_what_is_answered_reads_back(answer: dict[str, Any]) -> None:
    assert read(answer) == (answer, ())
