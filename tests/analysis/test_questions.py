"""What a model is asked, by what an agent wants to know."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from ari_agent.analysis.questions import MOST_CUSTOM, OF_CALLS, OF_CHATS, Questions, questions
from ari_agent.contract.agent_options import PostCallAnalysis
from ari_agent.contract.chat_agent import PostChatAnalysis

CALL: TypeAdapter[Any] = TypeAdapter(PostCallAnalysis)
CHAT: TypeAdapter[Any] = TypeAdapter(PostChatAnalysis)


def asked(*items: dict[str, Any]) -> Questions:
    """Of a call."""
    return questions(OF_CALLS, [CALL.validate_python({"description": "What?", **item}) for item in items])


def test_without_wishes_the_three_results_of_retell_are_asked_for() -> None:
    schema = asked().schema()
    assert list(schema["properties"]) == ["call_summary", "user_sentiment", "call_successful"] == schema["required"]
    assert schema["properties"]["user_sentiment"]["enum"] == ["Negative", "Positive", "Neutral", "Unknown"]


def test_each_type_has_its_schema() -> None:
    found = asked(
        {"type": "string", "name": "order", "examples": ["A-1", "B-2"], "required": True},
        {"type": "enum", "name": "mood", "choices": ["good", "bad"], "required": True},
        {"type": "boolean", "name": "new", "required": True},
        {"type": "number", "name": "items"},
    )
    own = found.schema()["properties"]["custom_analysis_data"]
    assert own["required"] == ["order", "mood", "new", "items"] and own["additionalProperties"] is False
    assert own["properties"] == {
        "order": {"type": "string", "description": "What? Examples of its form: A-1; B-2"},
        "mood": {"type": "string", "enum": ["good", "bad"], "description": "What?"},
        "new": {"type": "boolean", "description": "What?"},
        "items": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "What?"},
    }


def test_a_preset_replaces_the_prompt_of_its_result_alone() -> None:
    found = asked(
        {"type": "system-presets", "name": "call_summary", "description": "In one word."},
        {"type": "system-presets", "name": "call_successful", "description": None},
    )
    prompts = {question.name: question.asks for question in found.built_in}
    assert prompts["call_summary"] == "In one word."
    assert "success" in prompts["call_successful"] and found.custom == ()


def test_a_condition_lets_null_be_an_answer_unless_the_field_is_required() -> None:
    wanted = {"type": "string", "conditional_prompt": "only if angry"}
    free, required = asked({**wanted, "name": "a"}, {**wanted, "name": "b", "required": True}).custom
    assert "only if angry" in free.asks and not free.required
    assert "only if angry" not in required.asks and required.required
    preset = {"type": "system-presets", "name": "call_summary", "conditional_prompt": "only if angry"}
    assert not asked(preset).built_in[0].required


def test_a_field_that_is_called_as_a_result_stands_beside_it() -> None:
    found = asked({"type": "string", "name": "call_summary"})
    assert [question.name for question in found.custom] == ["call_summary"]


def test_of_two_fields_with_one_name_and_of_too_many_the_first_are_asked_for() -> None:
    many = [{"type": "number", "name": f"n{number}"} for number in range(MOST_CUSTOM + 1)]
    found = asked(*many[:2], {"type": "boolean", "name": "n0"}, *many[2:])
    assert len(found.custom) == MOST_CUSTOM
    assert found.left_out == {
        "custom_analysis_data.n0": "another field has the same name",
        f"custom_analysis_data.n{MOST_CUSTOM}": f"only the first {MOST_CUSTOM} fields are asked for",
    }


def test_chats_have_their_own_names() -> None:
    item = CHAT.validate_python({"type": "system-presets", "name": "chat_successful", "description": "Sold?"})
    found = questions(OF_CHATS, [item])
    assert [question.name for question in found.built_in] == ["chat_summary", "user_sentiment", "chat_successful"]
    assert found.built_in[2].asks == "Sold?"
    of_call = CALL.validate_python({"type": "system-presets", "name": "call_summary"})
    assert questions(OF_CHATS, [of_call]) == questions(OF_CHATS, [])
