"""POST /v3/list-chats and GET /list-chat: which chats are wanted (Retell, List Chats, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from ari_agent.contract.call_filters import (
    AgentFilter,
    CallIdFilter,
    Choices,
    DirectionFilter,
    EnumFilter,
    NumericFilter,
    StringFilter,
)
from ari_agent.contract.chat import Chat, ChatStatus, ChatType
from ari_agent.contract.paging import CountedPage, PageRequest
from ari_agent.contract.parsing.model import ContractModel, Many

MESSAGES: Final = frozenset({"transcript", "message_with_tool_calls"})
"""The keys of a chat that list-chats v3 leaves out of its items."""

_NOT_SERVED: Final = frozenset(
    {
        "agent_tag",
        "chat_successful",
        "combined_cost",
        "custom_analysis_data",
        "custom_attributes",
        "data_storage_setting",
        "disconnection_reason",
        "user_sentiment",
    }
)


class ChatStatusFilter(EnumFilter):
    """Condition that chat_status is one of these."""

    value: Choices[ChatStatus]


class ChatTypeFilter(EnumFilter):
    """Condition that chat_type is one of these."""

    value: Choices[ChatType]


class ChatFilters(ContractModel):
    """Conditions on a chat, all of which must hold; of those in `agent`, one is enough.

    agent_number, user_number: conditions on the numbers of text messages; no chat over the API has them.
    """

    agent: Annotated[Many[AgentFilter], Field(max_length=100)] | None = None
    agent_number: StringFilter | None = None
    user_number: StringFilter | None = None
    chat_id: CallIdFilter | None = None
    chat_status: ChatStatusFilter | None = None
    chat_type: ChatTypeFilter | None = None
    direction: DirectionFilter | None = None
    duration_ms: NumericFilter | None = None
    start_timestamp: NumericFilter | None = None
    end_timestamp: NumericFilter | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unserved_conditions(cls, given: Any) -> Any:
        """Refuse a condition that is not served: ignored, it would answer chats that nobody asked for."""
        if isinstance(given, dict) and (unserved := sorted(str(key) for key in given if key in _NOT_SERVED)):
            raise ValueError(f"cannot filter by {', '.join(unserved)}")
        return given


class ChatListRequest(PageRequest):
    """Body of POST /v3/list-chats."""

    filter_criteria: ChatFilters | None = None


class ChatPage(CountedPage):
    """Answer of POST /v3/list-chats, whose items lack the keys in MESSAGES."""

    items: Many[Chat]
