"""The analysis of calls and chats by a model, put together: one server that is asked, one runner for both."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ari_agent.analysis.analyst import Analyst
from ari_agent.analysis.chat_completions import ChatCompletions, ModelSettings
from ari_agent.analysis.runner import AnalysisRunner
from ari_agent.calls.call_analysis import CallAnalyses
from ari_agent.chats.chat_analysis import ChatAnalyses
from ari_agent.clock import now_ms
from ari_agent.config import Settings
from ari_agent.contract.call import Call
from ari_agent.contract.chat import Chat
from ari_agent.contract.price_table import PriceTable
from ari_agent.store.store import Store


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How conversations are analysed.

    model: which one does; None: none. account_webhook_url: for agents without a URL of their own. at_once: analyses at
    the same time. most_characters: of a conversation that are read. wait_s: how long an analysis may take in all, in
    seconds. prices: by which the model is a part of what a call has cost.
    """

    model: ModelSettings | None
    account_webhook_url: str | None = None
    at_once: int = 4
    most_characters: int = 60_000
    wait_s: float = 60.0
    prices: PriceTable | None = None


def analysis_settings(settings: Settings) -> AnalysisSettings:
    """Return how conversations are analysed, by the settings of the controller."""
    model = ModelSettings(
        model=settings.analysis_model,
        url=settings.analysis_url,
        api_key=settings.analysis_api_key.get_secret_value(),
        request_timeout_s=settings.analysis_timeout_s,
        attempts=settings.analysis_attempts,
    )
    return AnalysisSettings(
        model if settings.analysis_model else None,
        account_webhook_url=settings.webhook_url,
        at_once=settings.analysis_concurrency,
        most_characters=settings.analysis_max_characters,
        wait_s=settings.analysis_wait_s,
        prices=settings.prices,
    )


async def listed_models(model: ModelSettings, *, timeout_s: float) -> Sequence[str] | None:
    """Return the names of the models that the server of this one has; None where it does not tell.

    timeout_s: how long it has for that, in seconds.

    Raises:
        ConfigurationError: the model cannot be used as set.
        CompletionFailed: the server is out of reach, refuses the key, or is none of models.
    """
    patience = replace(model, request_timeout_s=timeout_s)
    completions = ChatCompletions(patience, now_ms=now_ms, dice=random.SystemRandom().random)
    try:
        return await completions.models()
    finally:
        await completions.close()


class ConversationAnalyses:
    """Analyses calls and chats that are over.

    runner: works off those that wait, and is needed without a model too: some may wait since an earlier run. calls,
    chats: what it does with them.

    Raises:
        ConfigurationError: the model cannot be used as set.
    """

    def __init__(
        self,
        store: Store,
        settings: AnalysisSettings,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        dice = random.SystemRandom().random
        model = settings.model
        self._completions = ChatCompletions(model, now_ms=now_ms, dice=dice) if model else None
        analyst = (
            Analyst(
                self._completions, at_once=settings.at_once, most_characters=settings.most_characters, now_ms=now_ms
            )
            if self._completions
            else None
        )
        self.runner = AnalysisRunner(wait_ms=round(settings.wait_s * 1000), now_ms=now_ms)
        url = settings.account_webhook_url
        self.calls = CallAnalyses(store, analyst, account_webhook_url=url, now_ms=now_ms, prices=settings.prices)
        self.chats = ChatAnalyses(store, analyst, account_webhook_url=url, now_ms=now_ms)
        self.runner.add(self.calls)
        self.runner.add(self.chats)

    @property
    def by_model(self) -> AnalysisRunner | None:
        """What a call or chat that ends now waits for; None where no model is set up."""
        return self.runner if self._completions else None

    async def rerun_call(self, call_id: str) -> Call:
        """Analyse a call again. Raises: see CallAnalyses.rerun."""
        return await self.calls.rerun(call_id, self.runner.deadline_ms())

    async def rerun_chat(self, chat_id: str) -> Chat:
        """Analyse a chat again. Raises: see ChatAnalyses.rerun."""
        return await self.chats.rerun(chat_id, self.runner.deadline_ms())

    async def close(self) -> None:
        """Close the connections to the model's server."""
        if self._completions:
            await self._completions.close()
