from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.chat import Chat, ChatStatus
from ari_agent.contract.chat_list import MESSAGES, ChatFilters, ChatListRequest
from ari_agent.contract.parsing.explain import explain


def complaint(criteria: Any) -> str:
    body = {"filter_criteria": criteria}
    with pytest.raises(ValidationError) as refused:
        ChatListRequest.model_validate(body)
    return explain(refused.value, body)


def test_chats_are_found_by_status() -> None:
    filters = ChatFilters.model_validate({"chat_status": {"type": "enum", "op": "in", "value": ["ended", "error"]}})
    assert filters.chat_status is not None
    assert filters.chat_status.value == (ChatStatus.ENDED, ChatStatus.ERROR)


@pytest.mark.parametrize("key", ["user_sentiment", "custom_attributes", "disconnection_reason"])
def test_a_condition_that_is_not_served_is_refused_rather_than_ignored(key: str) -> None:
    assert complaint({key: {}, "opt": {}}).startswith("filter_criteria: cannot filter by ")
    assert key in complaint({key: {}, "opt": {}})


@pytest.mark.parametrize("criteria", [[], "ended", 1])
def test_filters_are_an_object(criteria: object) -> None:
    assert complaint(criteria).startswith("filter_criteria: must be an object")


def test_a_list_leaves_out_keys_that_a_chat_has() -> None:
    assert set(Chat.model_fields) > MESSAGES
