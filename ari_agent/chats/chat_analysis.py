"""The analysis of chats by a model: what is asked of one, and what becomes of its record and its webhook."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ari_agent.analysis.analyst import NO_MODEL, AnalysisFailed, Analyst, Matter, Reading
from ari_agent.analysis.questions import OF_CHATS, questions
from ari_agent.analysis.runner import Concluded, Outcome, outcome_of
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


class ChatAnalyses:
    """Analyses chats that are over. See `analysis.runner.Waiting`, and CallAnalyses for the rest."""

    def __init__(
        self,
        store: Store,
        analyst: Analyst | None,
        *,
        account_webhook_url: str | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._analyst = analyst
        self._account_webhook_url = account_webhook_url
        self._now_ms = now_ms

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        """Return chat_id and deadline of chats that wait. Raises: StoreError."""
        return await self._store.analyses.waiting_chats(limit, except_ids=except_ids)

    async def conclude(self, chat_id: str, deadline_ms: int) -> Concluded:
        """Have a chat analysed by the deadline, and store the result with its chat_analyzed.

        Raises:
            StoreError: it is not stored, and the chat goes on to wait.
        """
        chat, goes_on = await self._store.chats.get(chat_id), await self._store.chats.goes_on(chat_id)
        if chat is None:
            return Concluded(Outcome.GONE)
        reading = await self._read(chat, goes_on.agent if goes_on else None, deadline_ms)

        def conclude(now: StoredChat) -> tuple[Chat, Sequence[WebhookEvent]]:
            record = ChatRecord(now.chat, agent=now.agent, account_webhook_url=self._account_webhook_url)
            record.analysed(*_result(now.chat, reading, of=chat))
            return record.chat, record.owed

        concluded = await self._store.analyses.conclude_chat(chat_id, conclude)
        if concluded is None:
            return Concluded(Outcome.GONE)
        after_ms = self._now_ms() - (concluded.end_timestamp or self._now_ms())
        return Concluded(outcome_of(reading.report), max(0, after_ms))

    async def rerun(self, chat_id: str, deadline_ms: int) -> Chat:
        """Analyse a chat again, with what the latest version of its agent asks for, and return it.

        The model has time until the deadline. Where there is none, or nothing to read, the chat stays as it is. No
        webhook is sent.

        Raises:
            UnknownAsset: there is no such chat.
            AnalysisFailed: the model has not answered; the analysis stays as it was.
            StoreError: the database failed.
        """
        chat = await self._store.chats.get(chat_id)
        if chat is None:
            raise UnknownAsset("chat", chat_id)
        if self._analyst is None or not is_worth_reading(chat):
            return chat
        reading = await self._read(chat, await self._store.agents.any(chat.agent_id), deadline_ms)
        if reading.report.failure:
            raise AnalysisFailed(chat_id, reading.report.failure)

        def conclude(now: StoredChat) -> tuple[Chat, Sequence[WebhookEvent]]:
            analysis, report = _result(now.chat, reading, of=chat)
            return now.chat.model_copy(update={"chat_analysis": analysis, "analysis_report": report}), ()

        concluded = await self._store.analyses.conclude_chat(chat_id, conclude, again=True)
        if concluded is None:
            raise UnknownAsset("chat", chat_id)
        return concluded

    async def _read(self, chat: Chat, agent: AnyAgent | None, deadline_ms: int) -> Reading:
        if self._analyst is None:
            return NO_MODEL
        items = [item.as_json() for item in chat.message_with_tool_calls or ()]
        matter = Matter(
            chat.chat_id,
            questions(OF_CHATS, _items(agent)),
            items,
            facts={"kind": chat.chat_type, "direction": chat.direction, "chat_status": chat.chat_status},
            model=_model(agent),
        )
        return await self._analyst.analyse(matter, deadline_ms=deadline_ms)


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
