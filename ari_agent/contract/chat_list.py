"""POST /v3/list-chats and GET /list-chat: which chats are wanted (Retell, List Chats, 2026-08)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from ari_agent.contract.call_filters import (
    AgentFilter,
    CallFilters,
    CallIdFilter,
    Choices,
    DirectionFilter,
    EnumFilter,
    NumericFilter,
    StringFilter,
)
from ari_agent.contract.chat import Chat, ChatStatus, ChatType
from ari_agent.contract.paging import CountedPage, PageRequest
from ari_agent.contract.parsing.conditions import Conditions
from ari_agent.contract.parsing.model import Many

MESSAGES: Final = frozenset({"transcript", "message_with_tool_calls", "scrubbed_message_with_tool_calls"})
"""The keys of a chat that hold what was written in it, and that list-chats v3 leaves out of its items."""
CONTENT: Final = MESSAGES | {"collected_dynamic_variables"}
"""The keys of a chat that are its transcript, in the sense of what is stored and for how long."""


class ChatStatusFilter(EnumFilter):
    """Condition that chat_status is one of these."""

    value: Choices[ChatStatus]


class ChatTypeFilter(EnumFilter):
    """Condition that chat_type is one of these."""

    value: Choices[ChatType]


class ChatFilters(Conditions):
    """Conditions on a chat, all of which must hold; of those in `agent`, one is enough.

    agent_number, user_number: conditions on the numbers of text messages; no chat over the API has them.
    """

    MEANT: ClassVar[Mapping[str, str]] = {
        name: CallFilters.MEANT[name] for name in ("agent_id", "agent_ids", "agent_version", "version")
    } | {"from_number": "agent_number or user_number", "to_number": "agent_number or user_number"}

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


class ChatListRequest(PageRequest):
    """Body of POST /v3/list-chats."""

    CONDITIONS: ClassVar[type[Conditions]] = ChatFilters

    filter_criteria: ChatFilters | None = None


class ChatPage(CountedPage):
    """Answer of POST /v3/list-chats, whose items lack the keys in MESSAGES."""

    items: Many[Chat]
