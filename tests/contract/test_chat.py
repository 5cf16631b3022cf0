from __future__ import annotations

import pytest

from ari_agent.contract.call import CallDirection
from ari_agent.contract.chat import UPDATABLE_KEYS, Chat, ChatCompletion, ChatMessage, ChatToolResult, ChatUpdate

CHAT = Chat.model_validate(
    {
        "chat_id": "chat_1",
        "chat_type": "sms_chat",
        "agent_id": "agent_1",
        "chat_status": "ongoing",
        "direction": "inbound",
        "from_number": "+14155550100",
        "to_number": "+14157774444",
        "metadata": {"order": 1},
        "retell_llm_dynamic_variables": {"name": "Bob"},
    }
)
OVER_THE_API = Chat.model_validate(
    {"chat_id": "chat_2", "chat_type": "api_chat", "agent_id": "agent_1", "chat_status": "ongoing"}
)


@pytest.mark.parametrize(
    ("direction", "ours", "users"),
    [
        (CallDirection.INBOUND, "+14157774444", "+14155550100"),
        (CallDirection.OUTBOUND, "+14155550100", "+14157774444"),
    ],
)
def test_the_agent_writes_from_the_number_that_the_user_wrote_to(
    direction: CallDirection, ours: str, users: str
) -> None:
    chat = CHAT.model_copy(update={"direction": direction})
    assert (chat.our_number, chat.user_number) == (ours, users)


def test_a_chat_over_the_api_has_no_numbers() -> None:
    assert (OVER_THE_API.our_number, OVER_THE_API.user_number) == (None, None)


def test_an_update_changes_what_it_names_and_adds_variables() -> None:
    update = ChatUpdate.model_validate({"metadata": None, "override_dynamic_variables": {"city": "Rome"}})
    chat = update.apply(CHAT)
    assert chat.metadata is None
    assert chat.retell_llm_dynamic_variables == {"name": "Bob", "city": "Rome"}
    assert {key for key in Chat.model_fields if getattr(chat, key) != getattr(CHAT, key)} <= set(UPDATABLE_KEYS)


def test_an_update_that_names_nothing_changes_nothing() -> None:
    assert ChatUpdate.model_validate({}).apply(CHAT) == CHAT
    assert ChatUpdate.model_validate({"override_dynamic_variables": None}).apply(CHAT) == CHAT


def test_the_first_variables_of_a_chat_are_those_of_the_update() -> None:
    chat = ChatUpdate.model_validate({"override_dynamic_variables": {"a": "1"}}).apply(OVER_THE_API)
    assert chat.retell_llm_dynamic_variables == {"a": "1"}


def test_what_the_agent_wrote_and_did_is_told_apart_by_its_role() -> None:
    completion = ChatCompletion.model_validate(
        {
            "messages": [
                {"role": "agent", "content": "Hello."},
                {"role": "tool_call_result", "tool_call_id": "tool_1", "content": "sunny"},
            ]
        }
    )
    assert [type(item) for item in completion.messages] == [ChatMessage, ChatToolResult]
