"""The inbound webhook: asks the owner of a number what to do with a call while it rings, or with a text message
before it is answered.

Source: Retell, "Inbound call & SMS webhook" (2026-08): a signed POST, 10 s, retried up to 3 times unless a valid 2xx
comes back. Every JSON is valid here: what cannot be read in it would be no better the next time. The caller waits
between the attempts, so the pauses are short: all attempts together take under 2 s with a receiver that refuses at
once, under 7 s with one that says when to come again, and 42 s with one that never answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ari_agent.clock import now_ms
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.inbound import (
    InboundChatWebhookRequest,
    InboundWebhookAnswer,
    InboundWebhookRequest,
)
from ari_agent.contract.inbound_answer import Part, ReadAnswer, read_answer
from ari_agent.contract.parsing.json_text import MalformedJson, compact_json
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.trace import Trace
from ari_agent.contract.webhook_event import delivery_id
from ari_agent.contract.without_effect import in_words, override_without_effect
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.signed_post import ANSWER_LIMIT_BYTES, PostFailed, SignedPost
from ari_agent.webhooks.traced_post import traced_post

log = logging.getLogger(__name__)

STEP: Final = "inbound webhook"
"""The step of a call's trace."""
TIMEOUT_S: Final = 10.0
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)
"""How long to wait before each further attempt."""
MAX_RETRY_AFTER_S: Final = 2.0
"""The longest pause that a receiver can ask for, since a caller hears ringing meanwhile."""

TellAttempt: TypeAlias = Callable[[int, ReadAnswer | str], None]
"""Is told of an attempt, counted from 1: its answer, or why it failed."""


def _tell_nobody(_number: int, _came: ReadAnswer | str) -> None:
    pass


class InboundWebhook:
    """Sends the request of the inbound webhook, with retries.

    api_key: signs the request. timeout_s: of each attempt. retry_after_s: how long to wait before each further attempt.
    trace: takes each attempt about a call, as a step; None where there are no traces.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        now_ms: Callable[[], int] = now_ms,
        trace: Trace | None = None,
    ) -> None:
        self._now_ms, self._trace = now_ms, trace
        self._post = SignedPost(session, api_key, now_ms)
        self._timeout_s = timeout_s
        self._retry_after_s = retry_after_s

    async def ask(
        self, url: str, request: InboundWebhookRequest, *, tell: TellAttempt = _tell_nobody
    ) -> InboundWebhookAnswer:
        """Ask about a call and return the first answer that is JSON. May be cancelled at any time: by a hang-up.

        tell: is told of every attempt.

        Raises:
            InboundWebhookFailed: no attempt got such an answer; the message says why the last one did not.
        """
        facts = {"call_id": request.call_inbound.call_id or ""}
        return await self._ask(url, request.as_json(), "call_inbound", facts, tell)

    async def ask_about_chat(self, url: str, request: InboundChatWebhookRequest) -> InboundWebhookAnswer:
        """Ask about a text message and return the first answer that is JSON.

        Raises:
            InboundWebhookFailed: no attempt got such an answer; the message says why the last one did not.
        """
        facts = {"chat_id": request.chat_inbound.chat_id or ""}
        return await self._ask(url, request.as_json(), "chat_inbound", facts, _tell_nobody)

    async def _ask(
        self,
        url: str,
        question: Mapping[str, object],
        part: Part,
        facts: Mapping[str, str],
        tell: TellAttempt,
    ) -> InboundWebhookAnswer:
        body, delivered_as = compact_json(question), delivery_id(part, *facts.values())

        async def attempt() -> InboundWebhookAnswer:
            which, call_id = str(retrying.statistics["attempt_number"]), facts.get("call_id", "")
            try:
                with traced_post(self._trace, call_id, STEP, which=which, url=url, now_ms=self._now_ms) as headers:
                    answered = await self._post.send(
                        url,
                        body,
                        delivery_id=delivered_as,
                        timeout_s=self._timeout_s,
                        answer_limit_bytes=ANSWER_LIMIT_BYTES,
                        headers=headers,
                    )
                read = _read(answered, part)
            except PostFailed as failure:
                number = retrying.statistics["attempt_number"]
                tell(number, failure.why)
                log.warning("inbound webhook %s: %s", shown_url(url), failure.why, extra={**facts, "attempt": number})
                raise
            tell(retrying.statistics["attempt_number"], read)
            if read.left_out:
                log.warning("left out of the inbound webhook's answer: %s", "; ".join(read.left_out), extra=facts)
            _log_without_effect(read.answer.agent_override, facts)
            return read.answer

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + len(self._retry_after_s)),
            retry=retry_if_exception(lambda error: isinstance(error, PostFailed) and not error.hopeless),
            wait=self._pause_s,
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except PostFailed as failure:
            number = retrying.statistics["attempt_number"]
            raise InboundWebhookFailed(shown_url(url), number, failure.why) from None

    def _pause_s(self, failed: RetryCallState) -> float:
        """How long to wait after this attempt: as planned, or as long as the receiver wants within the limit."""
        error = failed.outcome.exception() if failed.outcome else None
        wanted_s = error.retry_after_s if isinstance(error, PostFailed) else None
        planned_s = (*self._retry_after_s, 0.0)[failed.attempt_number - 1]  # also asked for after the last attempt
        return max(planned_s, min(wanted_s or 0.0, MAX_RETRY_AFTER_S))


def _read(answered: bytes, part: Part) -> ReadAnswer:
    try:
        return read_answer(answered, part)
    except MalformedJson as error:
        raise PostFailed(f"the answer is {error}") from None


def _log_without_effect(override: AgentOverride | None, facts: Mapping[str, object]) -> None:
    """Name the settings of an override that change nothing. facts: the call or chat that it is for."""
    if found := override_without_effect(override):
        log.warning("settings without effect: %s", in_words(found), extra=facts)
