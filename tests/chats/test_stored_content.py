"""What of a chat that is over is stored and told, by its data_storage_setting and its agent's pii_config."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.agents.llm import LlmToolInvocation, LlmToolResult
from ari_agent.chats.record import ChatRecord
from ari_agent.chats.stored_content import no_content, stored_content
from ari_agent.contract.chat import Chat, ChatStatus
from ari_agent.contract.storage_setting import STRUCTURED
from tests.chats.test_record import a_record, chat_agent

CARD = "4111 1111 1111 1111"
FIELDS = tuple(key for key in STRUCTURED if key in Chat.model_fields)


def over(**settings: Any) -> ChatRecord:
    """The record of a chat that is over, in which a card number was written, in two messages, and given to a tool."""
    agent = chat_agent(**settings)
    one = a_record(agent)
    one.chat = one.chat.model_copy(
        update={
            "data_storage_setting": agent.data_storage_setting,
            **{key: {"note": CARD, "tenant": "t7"} for key in FIELDS},
        }
    )
    one.started()
    one.owed.clear()
    for number, text in enumerate(("My card: 4111 1111", "Go on.", "1111 1111")):
        say = one.agent_said if text == "Go on." else one.user_said
        say(text, message_id=f"m{number}", now_ms=1_100 + number)
    used = {"tool_call_id": "t1", "name": "pay", "arguments": json.dumps({"card": CARD, "cents": 5})}
    one.tool_used(LlmToolInvocation.model_validate({"role": "", **used}), message_id="m4", now_ms=1_200)
    answer = {"tool_call_id": "t1", "content": f"{CARD} is paid"}
    one.tool_used(LlmToolResult.model_validate({"role": "", **answer}), message_id="m5", now_ms=1_300)
    one.ended(ChatStatus.ENDED, 2_000)
    return one


def told(one: ChatRecord) -> str:
    return "\n".join(event.body.decode() for event in one.owed)


def holds_the_card(text: str) -> bool:
    return "1111 1111" in text or CARD in text


def test_everything_is_stored_as_it_was_written() -> None:
    one = over()
    assert one.chat.transcript == "User: My card: 4111 1111\nAgent: Go on.\nUser: 1111 1111\n"
    assert one.chat.scrubbed_message_with_tool_calls is None
    assert one.chat.metadata == {"note": CARD, "tenant": "t7"}


def test_with_categories_scrubbed_messages_stand_beside_everything() -> None:
    one = over(pii_config={"mode": "post_call", "categories": ["credit_card"]})
    assert holds_the_card(one.chat.transcript or "") and one.chat.metadata == {"note": CARD, "tenant": "t7"}
    first, _, third, pays, paid = one.chat.as_json()["scrubbed_message_with_tool_calls"]
    assert (first["content"], third["content"]) == ("My card: [credit_card]", "[credit_card]")
    assert (json.loads(pays["arguments"]), paid["content"]) == (
        {"card": "[credit_card]", "cents": 5},
        "[credit_card] is paid",
    )
    assert [first["message_id"], first["created_timestamp"]] == ["m0", 1_100]


@pytest.mark.parametrize("pii_config", [None, {"mode": "post_call", "categories": []}])
def test_without_personal_data_nothing_else_is_stored_or_told(pii_config: object) -> None:
    one = over(data_storage_setting="everything_except_pii", pii_config=pii_config)
    assert one.chat.transcript == "User: My card: [credit_card]\nAgent: Go on.\nUser: [credit_card]\n"
    assert one.chat.message_with_tool_calls == one.chat.scrubbed_message_with_tool_calls
    assert all(getattr(one.chat, key) == {"note": "[credit_card]", "tenant": "t7"} for key in FIELDS)
    assert not holds_the_card(json.dumps(one.chat.as_record()) + told(one))
    assert [event.event.value for event in one.owed] == ["chat_ended", "chat_analyzed"]
    assert holds_the_card(str(one.items))  # for whoever waits for the agent's answer


def test_categories_say_what_personal_data_is() -> None:
    categories = {"mode": "post_call", "categories": ["phone_number"]}
    assert holds_the_card(
        over(data_storage_setting="everything_except_pii", pii_config=categories).chat.transcript or ""
    )


def test_of_basic_attributes_no_content_is_left_and_what_is_known_is() -> None:
    one = over(data_storage_setting="basic_attributes_only", pii_config={"mode": "post_call", "categories": ["ssn"]})
    chat = one.chat.as_json()
    assert not {key for key in chat if "transcript" in key or "message" in key or key == "collected_dynamic_variables"}
    assert chat["metadata"] == {"note": CARD, "tenant": "t7"}
    assert chat["chat_analysis"] == {"user_sentiment": "Unknown", "chat_successful": True}
    assert "Go on" not in told(one)


def test_what_a_model_found_is_scrubbed_or_goes_as_well() -> None:
    found = {"chat_summary": f"Paid by {CARD}.", "user_sentiment": "Positive", "custom_analysis_data": {"card": CARD}}
    values = {**over().chat.as_record(), "chat_analysis": found, "analysis_report": {"left_out": {"mood": CARD}}}
    chat = Chat.model_validate({**values, "data_storage_setting": "everything_except_pii"})
    changed = chat.model_copy(update=dict(stored_content(chat, None)))
    assert changed.as_json()["chat_analysis"] == {
        "chat_summary": "Paid by [credit_card].",
        "user_sentiment": "Positive",
        "custom_analysis_data": {"card": "[credit_card]"},
    }
    assert changed.as_json()["analysis_report"]["left_out"] == {"mood": "[credit_card]"}
    chat = chat.model_copy(update={"data_storage_setting": "basic_attributes_only"})
    changed = chat.model_copy(update=dict(stored_content(chat, None)))
    assert changed.as_json()["chat_analysis"] == {"user_sentiment": "Positive"}
    assert changed.analysis_report is None


def test_what_cannot_be_scrubbed_is_left_out_whole() -> None:
    chat = over().chat
    assert no_content(chat) == {}
    strict = chat.model_copy(update={"data_storage_setting": "everything_except_pii"})
    left = strict.model_copy(update=dict(no_content(strict))).as_json()
    assert not {"transcript", "message_with_tool_calls", *FIELDS} & left.keys()


def test_a_chat_in_which_nobody_wrote_has_nothing_to_scrub() -> None:
    chat = a_record().chat.model_copy(update={"data_storage_setting": "everything_except_pii", "metadata": None})
    changed = stored_content(chat, None)
    assert not {"transcript", "message_with_tool_calls", "metadata"} & changed.keys()


def test_pictures_of_a_scrubbed_message_go() -> None:
    picture = {"url": "https://mms.example/passport.jpg", "summary": "a passport"}
    items = [{"role": "user", "content": "this is me", "multimedia": [picture]}]
    values = {**over().chat.as_record(), "message_with_tool_calls": items}
    chat = Chat.model_validate({**values, "data_storage_setting": "everything_except_pii"})
    assert "passport" not in json.dumps(chat.model_copy(update=dict(stored_content(chat, None))).as_json())
