"""The record of one chat: the chat object as the API shows it, and the webhooks that each change of it owes. Pure.

Source: Retell, "Get Chat" and "Retell webhooks overview" (2026-08): `chat_started`, `chat_ended` without
`chat_analysis`, `chat_analyzed`. The `webhook_events` of an agent of calls name the events of calls; where such an
agent answers texts they stand for those of chats too: who wants `call_ended` is told `chat_ended`.

While a chat goes on all of it is stored, since the next run of this process has to go on with it; with its end comes
what its data_storage_setting allows, see stored_content.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ari_agent.agents.llm import LlmToolInvocation, LlmToolResult
from ari_agent.chats.stored_content import stored_content
from ari_agent.contract.agent import DEFAULT_WEBHOOK_EVENTS
from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.chat import (
    UPDATABLE_KEYS,
    Chat,
    ChatAnalysis,
    ChatItem,
    ChatMessage,
    ChatNodeTransition,
    ChatStatus,
    ChatToolInvocation,
    ChatToolResult,
    ChatUpdate,
    as_text,
)
from ari_agent.contract.chat_agent import DEFAULT_CHAT_WEBHOOK_EVENTS, AnyAgent, ChatAgent
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.transcript import NodeTransition
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.routing.system_variables import ChatVariables
from ari_agent.routing.variables import render_url

MOST_ITEMS: Final = 1000
"""The most items that one chat may hold, so that two machines that answer each other come to an end."""
_OF_CALLS: Final[Mapping[WebhookEventName, WebhookEventName]] = {
    WebhookEventName.CHAT_STARTED: WebhookEventName.CALL_STARTED,
    WebhookEventName.CHAT_ENDED: WebhookEventName.CALL_ENDED,
    WebhookEventName.CHAT_ANALYZED: WebhookEventName.CALL_ANALYZED,
}


class ChatRecord:
    """The record of one chat, and the webhook events that are owed and not stored yet.

    chat: the object as of now. owed: taken by whoever stores both in one transaction, and given back if that fails.
    account_webhook_url: for agents without a URL of their own. analysis_due_ms: the chat is over, and a model analyses
    it by then; None: it waits for none.
    """

    def __init__(self, chat: Chat, *, agent: AnyAgent | None, account_webhook_url: str | None) -> None:
        self.chat = chat
        self.owed: list[WebhookEvent] = []
        self.analysis_due_ms: int | None = None
        self._agent = agent
        self._account_webhook_url = account_webhook_url
        self._whole: Chat | None = None

    @property
    def content(self) -> Chat:
        """The chat with all that was written, whatever of it may be stored."""
        if self._whole is None:
            return self.chat
        written = {"transcript": self._whole.transcript, "message_with_tool_calls": self._whole.message_with_tool_calls}
        return self.chat.model_copy(update=written)

    @property
    def pii_categories(self) -> frozenset[PiiCategory] | None:
        """The personal data that is removed from the chat when it ends; None where its agent names none."""
        return self._agent.pii_categories if self._agent else None

    @property
    def items(self) -> Sequence[ChatItem]:
        """The messages and tool uses of the chat so far, in order."""
        return (self._whole or self.chat).message_with_tool_calls or ()

    @property
    def user_waits(self) -> bool:
        """Whether the user wrote last, and so waits for an answer."""
        written = [item.role for item in self.items if isinstance(item, ChatMessage)]
        return written[-1:] == ["user"]

    @property
    def is_full(self) -> bool:
        """Whether the chat is as long as one may be."""
        return len(self.items) >= MOST_ITEMS

    def started(self) -> None:
        """Note that the chat has begun: owes chat_started."""
        self._owe(WebhookEventName.CHAT_STARTED)

    def user_said(self, content: str, *, message_id: str, now_ms: int) -> None:
        """Note what the user wrote."""
        self._add(ChatMessage(role="user", content=content, message_id=message_id, created_timestamp=now_ms))

    def agent_said(self, content: str, *, message_id: str, now_ms: int) -> None:
        """Note what the agent wrote."""
        self._add(ChatMessage(role="agent", content=content, message_id=message_id, created_timestamp=now_ms))

    def tool_used(
        self, used: LlmToolInvocation | LlmToolResult | NodeTransition, *, message_id: str, now_ms: int
    ) -> None:
        """Note that the agent used a tool, or has its result, or that its flow is in another node."""
        values = {**used.model_dump(exclude_none=True), "message_id": message_id, "created_timestamp": now_ms}
        if isinstance(used, NodeTransition):
            self._add(ChatNodeTransition(**values))
        elif isinstance(used, LlmToolInvocation):
            self._add(ChatToolInvocation(role="tool_call_invocation", **values))
        else:
            self._add(ChatToolResult(role="tool_call_result", **values))

    def collected(self, values: Mapping[str, str]) -> None:
        """Note variables that the agent has found."""
        self._change(collected_dynamic_variables={**(self.chat.collected_dynamic_variables or {}), **values})

    def updated(self, update: ChatUpdate) -> Callable[[], None]:
        """Apply a change by the API; returns a function that undoes it, and nothing that happened since."""
        before, self.chat = self.chat, update.apply(self.chat)
        return lambda: self._change(**{name: getattr(before, name) for name in UPDATABLE_KEYS})

    def ended(
        self,
        status: ChatStatus,
        now_ms: int,
        *,
        stored: Mapping[str, Any] | None = None,
        analysis_due_ms: int | None = None,
    ) -> None:
        """Note that the chat is over: owes chat_ended and chat_analyzed. A second end changes nothing.

        stored: what `stored_content` has made of the chat as it is; None: that is found out here. analysis_due_ms: by
        when a model analyses it; None without a model. A chat that is worth reading then owes chat_analyzed once it is
        analysed.
        """
        if self.chat.chat_status is not ChatStatus.ONGOING:
            return
        self._change(chat_status=status, end_timestamp=now_ms)
        self._whole = self.chat
        self._change(**(stored_content(self.chat, self.pii_categories) if stored is None else stored))
        self._owe(WebhookEventName.CHAT_ENDED)
        if analysis_due_ms is not None and is_worth_reading(self.chat):
            self.analysis_due_ms = analysis_due_ms
        else:
            self.analysed(known_analysis(self._whole))

    def analysed(self, analysis: ChatAnalysis, report: AnalysisReport | None = None) -> None:
        """Note the analysis of a chat that is over; owes chat_analyzed. report: None where no model was asked."""
        self._change(chat_analysis=analysis, analysis_report=report)
        self._owe(WebhookEventName.CHAT_ANALYZED)

    def variables(self, now_ms: int | None) -> ChatVariables:
        """Return what `{{name}}` stands for at that moment. now_ms: None where there is no time to tell."""
        return ChatVariables(self.chat, timezone=self._agent.timezone if self._agent else None, now_ms=now_ms)

    def transcript(self) -> Sequence[Mapping[str, object]]:
        """Return the transcript as a text agent is told it: utterances without times."""
        return [
            {"role": item.role, "content": item.content, "words": []}
            for item in self.items
            if isinstance(item, ChatMessage)
        ]

    def with_tool_calls(self) -> Sequence[Mapping[str, object]]:
        """Return the transcript with tool calls where they happened."""
        return [item.as_json() for item in self.items]

    def _add(self, item: ChatItem) -> None:
        items = (*self.items, item)
        self._change(message_with_tool_calls=items, transcript=as_text(items))

    def _change(self, **changes: Any) -> None:
        self.chat = self.chat.model_copy(update=changes)

    def _owe(self, name: WebhookEventName) -> None:
        url = (self._agent.webhook_url if self._agent else None) or self._account_webhook_url
        if url is None or not _wants(self._agent, name):
            return
        timeout = {"timeout_ms": self._agent.webhook_timeout_ms} if self._agent else {}
        self.owed.append(
            WebhookEvent(
                call_id=self.chat.chat_id,
                event=name,
                url=render_url(url, self.variables(self.chat.end_timestamp or self.chat.start_timestamp)),
                body=compact_json({"event": name.value, "chat": self.chat.as_json()}),
                **timeout,
            )
        )


def is_worth_reading(chat: Chat) -> bool:
    """Whether a model is to read the chat: something was written, and what is written may be stored."""
    written = (item.content for item in chat.message_with_tool_calls or () if isinstance(item, ChatMessage))
    return chat.data_storage_setting != "basic_attributes_only" and any(content.strip() for content in written)


def known_analysis(chat: Chat) -> ChatAnalysis:
    """Return what can be said of a chat that is over without reading it."""
    items = chat.message_with_tool_calls or ()
    answered = any(isinstance(item, ChatMessage) and item.role == "agent" for item in items)
    successful = answered and chat.chat_status is ChatStatus.ENDED
    return ChatAnalysis(user_sentiment="Unknown", chat_successful=successful)


def _wants(agent: AnyAgent | None, name: WebhookEventName) -> bool:
    """Tell whether the agent wants this event: without a list it wants the defaults, with an empty one none."""
    if isinstance(agent, ChatAgent):
        named = agent.webhook_events
        return name.value in (DEFAULT_CHAT_WEBHOOK_EVENTS if named is None else named)
    wanted = agent.webhook_events if agent else None
    return _OF_CALLS[name].value in (DEFAULT_WEBHOOK_EVENTS if wanted is None else wanted)
