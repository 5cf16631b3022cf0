"""POST /v3/list-chats and GET /list-chat: which chats are wanted (Retell, List Chats, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from ari_agent.contract.call_filters import (
    AgentFilter,
    CallIdFilter,
    Choices,
    DirectionFilter,
    NumericFilter,
    StringFilter,
)
from ari_agent.contract.chat import Chat, ChatStatus, ChatType
from ari_agent.contract.paging import CountedPage, PageRequest
from ari_agent.contract.parsing.model import ContractModel, Many

MESSAGES: Final = frozenset({"transcript", "message_with_tool_calls"})
"""Keys that list-chats v3 leaves out of its items."""

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


class ChatStatusFilter(ContractModel):
    """One of these chat_status."""

    type: Literal["enum"]
    op: Literal["in"]
    value: Choices[ChatStatus]


class ChatTypeFilter(ContractModel):
    """Text messages, or chats over the API."""

    type: Literal["enum"]
    op: Literal["in"]
    value: Choices[ChatType]


class ChatFilters(ContractModel):
    """All conditions must hold; of `agent`, one. agent_number, user_number: of text messages."""

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
    def _refuse_what_is_not_filtered(cls, given: Any) -> Any:
        """A condition that is not looked at would answer chats that nobody asked for: refuse it."""
        if isinstance(given, dict) and (unserved := sorted(str(key) for key in given if key in _NOT_SERVED)):
            raise ValueError(f"cannot filter by {', '.join(unserved)}")
        return given


class ChatListRequest(PageRequest):
    """Body of POST /v3/list-chats."""

    filter_criteria: ChatFilters | None = None


class ChatPage(CountedPage):
    """Answer of POST /v3/list-chats; its items have no messages."""

    items: Many[Chat]
