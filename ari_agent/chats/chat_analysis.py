"""The analysis of chats by a model: what is asked of one, and what becomes of its record and its webhook."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ari_agent.analysis.analysed_kind import AnalysedKind
from ari_agent.analysis.analyst import Analyst, Matter, Reading
from ari_agent.analysis.questions import OF_CHATS, questions
from ari_agent.chats.record import ChatRecord, is_worth_reading, known_analysis
from ari_agent.contract.agent_options import PostCallAnalysis, PresetAnalysis
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.chat import Chat, ChatAnalysis
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent, ChatPresetAnalysis, PostChatAnalysis
from ari_agent.contract.storage_setting import is_stricter
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import UnknownAsset
from ari_agent.store.chats import StoredChat
from ari_agent.store.store import Store


class ChatAnalyses(AnalysedKind[StoredChat, AnyAgent | None, Chat]):
    """Analyses chats that are over. See `analysis.runner.Waiting`.

    account_webhook_url: for agents without a URL of their own.
    """

    def __init__(
        self,
        store: Store,
        analyst: Analyst | None,
        *,
        account_webhook_url: str | None,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(analyst, now_ms=now_ms)
        self._store = store
        self._account_webhook_url = account_webhook_url

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        """Return chat_id and deadline of chats that wait. Raises: StoreError."""
        return await self._store.analyses.waiting_chats(limit, except_ids=except_ids)

    async def _find(self, subject_id: str) -> StoredChat | None:
        chat, goes_on = await self._store.chats.get(subject_id), await self._store.chats.goes_on(subject_id)
        return StoredChat(chat, goes_on.agent if goes_on else None) if chat else None

    def _record(self, stored: StoredChat) -> Chat:
        return stored.chat

    def _own_wishes(self, stored: StoredChat) -> AnyAgent | None:
        return stored.agent

    async def _latest_wishes(self, stored: StoredChat) -> AnyAgent | None:
        return await self._store.agents.any(stored.chat.agent_id)

    def _is_worth_reading(self, record: Chat) -> bool:
        return is_worth_reading(record)

    async def _store_first(self, read: StoredChat, reading: Reading) -> Chat | None:
        def conclude(now: StoredChat) -> tuple[Chat, Sequence[WebhookEvent]]:
            record = ChatRecord(now.chat, agent=now.agent, account_webhook_url=self._account_webhook_url)
            record.analysed(*_result(now.chat, reading, of=read.chat))
            return record.chat, record.owed

        return await self._store.analyses.conclude_chat(read.chat.chat_id, conclude)

    async def _store_again(self, read: StoredChat, reading: Reading) -> Chat | None:
        def conclude(now: StoredChat) -> tuple[Chat, Sequence[WebhookEvent]]:
            analysis, report = _result(now.chat, reading, of=read.chat)
            return now.chat.model_copy(update={"chat_analysis": analysis, "analysis_report": report}), ()

        return await self._store.analyses.conclude_chat(read.chat.chat_id, conclude, again=True)

    def _unknown(self, subject_id: str) -> UnknownAsset:
        return UnknownAsset("chat", subject_id)

    async def _matter(self, record: Chat, wishes: AnyAgent | None) -> Matter:
        return Matter(
            record.chat_id,
            questions(OF_CHATS, _items(wishes)),
            [item.as_json() for item in record.message_with_tool_calls or ()],
            facts={"kind": record.chat_type, "direction": record.direction, "chat_status": record.chat_status},
            model=_model(wishes),
        )


def _items(agent: AnyAgent | None) -> Iterable[PostCallAnalysis | PostChatAnalysis]:
    """Return what the agent asks for. The presets of an agent of calls that answers texts stand for those of chats."""
    if isinstance(agent, ChatAgent):
        return agent.post_chat_analysis_data or ()
    items = (agent.post_call_analysis_data if agent else None) or ()
    return [_of_chat(item) if isinstance(item, PresetAnalysis) else item for item in items]


def _of_chat(item: PresetAnalysis) -> ChatPresetAnalysis:
    return ChatPresetAnalysis.model_validate({**item.changes(), "name": item.name.replace("call_", "chat_")})


def _model(agent: AnyAgent | None) -> str | None:
    if isinstance(agent, ChatAgent):
        return agent.post_chat_analysis_model
    return agent.post_call_analysis_model if agent else None


def _result(chat: Chat, reading: Reading, *, of: Chat) -> tuple[ChatAnalysis, AnalysisReport | None]:
    """Return what is known of the chat with what the model has found, as far as that may still be stored.

    of: the chat as the model has read it; one that was made stricter since keeps none of what was found in it.
    """
    if not is_worth_reading(chat) or is_stricter(chat.data_storage_setting, of.data_storage_setting):
        return (chat.chat_analysis or known_analysis(of)).without_words(), None
    return known_analysis(chat).model_copy(update=dict(reading.fields(success="chat_successful"))), reading.report
