"""The chat object: a conversation in text messages, or over the API (Retell, Get Chat, 2026-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.call import CallDirection, CustomAttributes, ProductCost, Sentiment
from ari_agent.contract.parsing.e164 import DialledNumber
from ari_agent.contract.parsing.model import (
    AgentVersionNumber,
    AgentVersionReference,
    ContractModel,
    DataStorageSetting,
    Flag,
    Identifier,
    JsonObject,
    Many,
    Metadata,
    Number,
    StringMap,
    Timestamp,
    Variables,
)
from ari_agent.contract.storage_setting import require_no_looser
from ari_agent.contract.transcript import Multimedia, NodeTransition, ToolInvocation, ToolResult

ChatText = Annotated[str, Field(min_length=1, max_length=16_384)]


class ChatStatus(StrEnum):
    """`chat_status` of the chat object."""

    ONGOING = "ongoing"
    ENDED = "ended"
    ERROR = "error"


class ChatType(StrEnum):
    """`chat_type` of the chat object: text messages (SIP MESSAGE), or a chat over the API."""

    SMS = "sms_chat"
    API = "api_chat"


class _ChatItem(ContractModel):
    message_id: str | None = None
    created_timestamp: Timestamp | None = None


class ChatMessage(_ChatItem):
    """A message of the agent or the user."""

    role: Literal["agent", "user"]
    content: str
    multimedia: Many[Multimedia] | None = None


class ChatToolInvocation(_ChatItem, ToolInvocation):
    """A tool call of the agent's server in a chat."""


class ChatToolResult(_ChatItem, ToolResult):
    """The result of a tool call in a chat."""


class ChatNodeTransition(_ChatItem, NodeTransition):
    """A conversation flow moved from one node to another in a chat."""


ChatItem = Annotated[
    ChatMessage | ChatToolInvocation | ChatToolResult | ChatNodeTransition, Field(discriminator="role")
]
"""An entry of message_with_tool_calls, whose `role` says which kind it is."""
_WRITERS: Final[Mapping[str, str]] = {"agent": "Agent", "user": "User"}


def as_text(items: Iterable[ChatItem]) -> str:
    """Return what was written as text, with one line such as `Agent: Hello.` for each message."""
    return "".join(f"{_WRITERS[each.role]}: {each.content}\n" for each in items if isinstance(each, ChatMessage))


class ChatAnalysis(ContractModel):
    """The results of post-chat analysis."""

    chat_summary: str | None = None
    user_sentiment: Sentiment | None = None
    chat_successful: Flag | None = None
    custom_analysis_data: JsonObject | None = None

    def without_words(self) -> ChatAnalysis:
        """Return the same without what repeats the conversation: its verdicts are left."""
        return self.model_copy(update={"chat_summary": None, "custom_analysis_data": None})


class ChatCost(ContractModel):
    """The cost of a chat in cents, in all and by product."""

    combined_cost: Number | None = None
    product_costs: Many[ProductCost] | None = None


class Chat(ContractModel):
    """A chat, as the API answers it and the database stores it; timestamps are in milliseconds since 1970.

    from_number, to_number, direction: set for text messages, as in the call object; `inbound` if the user began it.
    """

    chat_id: Identifier
    chat_type: ChatType
    agent_id: str
    version: AgentVersionNumber = 0
    agent_name: str | None = None
    agent_tag: str | None = None
    chat_status: ChatStatus
    direction: CallDirection | None = None
    from_number: str | None = None
    to_number: str | None = None

    metadata: JsonObject | None = None
    retell_llm_dynamic_variables: StringMap | None = None
    collected_dynamic_variables: StringMap | None = None
    custom_attributes: CustomAttributes | None = None
    data_storage_setting: DataStorageSetting | None = None

    start_timestamp: Timestamp | None = None
    end_timestamp: Timestamp | None = None
    transcript: str | None = None
    message_with_tool_calls: Many[ChatItem] | None = None
    chat_analysis: ChatAnalysis | None = None
    chat_cost: ChatCost | None = None

    # This is no part of Retell's chat object.
    scrubbed_message_with_tool_calls: Many[ChatItem] | None = None
    analysis_report: AnalysisReport | None = None

    @property
    def our_number(self) -> str | None:
        """The number that the agent writes from; None in a chat over the API."""
        return self.to_number if self.direction is CallDirection.INBOUND else self.from_number

    @property
    def user_number(self) -> str | None:
        """The number that the user writes from; None in a chat over the API."""
        return self.from_number if self.direction is CallDirection.INBOUND else self.to_number


class _NewChat(ContractModel):
    metadata: Metadata | None = None
    retell_llm_dynamic_variables: Variables | None = None


class SmsChatCreate(_NewChat):
    """Body of POST /create-sms-chat.

    override_agent_version without override_agent_id: another version of the number's own agent. honor_internal_dnc is
    accepted and has no effect, since there is no list of contacts here.
    """

    from_number: DialledNumber
    to_number: DialledNumber
    override_agent_id: Identifier | None = None
    override_agent_version: AgentVersionReference | None = None
    honor_internal_dnc: Flag = False


class ChatCreate(_NewChat):
    """Body of POST /create-chat."""

    agent_id: Identifier
    agent_version: AgentVersionReference | None = None


UPDATABLE_KEYS: Final = ("metadata", "data_storage_setting", "retell_llm_dynamic_variables", "custom_attributes")
"""The keys of a chat that an update can change."""


class ChatUpdate(ContractModel):
    """Body of PATCH /update-chat; what is left out stays. override_dynamic_variables: variables to add or replace.

    data_storage_setting: must not store more than before.
    """

    metadata: Metadata | None = None
    data_storage_setting: DataStorageSetting | None = None
    override_dynamic_variables: Variables | None = None
    custom_attributes: CustomAttributes | None = None

    def apply(self, chat: Chat) -> Chat:
        """Return a copy of the chat with these changes.

        Raises:
            ValueError: data_storage_setting would store more than before.
        """
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        added = changes.pop("override_dynamic_variables", None)
        if added:
            changes["retell_llm_dynamic_variables"] = {**(chat.retell_llm_dynamic_variables or {}), **added}
        if setting := changes.pop("data_storage_setting", None):
            require_no_looser(setting, chat.data_storage_setting)
            changes["data_storage_setting"] = setting
        return chat.model_copy(update=changes)


class ChatCompletionCreate(ContractModel):
    """Body of POST /create-chat-completion, which sends a message of the user and waits for the agent."""

    chat_id: Identifier
    content: ChatText


class ChatCompletion(ContractModel):
    """Answer of POST /create-chat-completion: what the agent has written and done since the user's message."""

    messages: Many[ChatItem]
