"""The inbound webhook: asks the owner of a number what to do with a call while it rings, or with a text message
before it is answered.

Source: Retell, "Inbound call & SMS webhook" (2026-08): a signed POST, 10 s, retried up to 3 times unless a valid 2xx
comes back. The caller waits between the attempts, so the pauses are short: all attempts together take under 2 s with
a receiver that refuses at once, and 42 s with one that never answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import aiohttp
from pydantic import ValidationError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_chain, wait_fixed, wait_none

from ari_agent.clock import now_ms
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.inbound import (
    InboundChatWebhookBody,
    InboundChatWebhookRequest,
    InboundWebhookAnswer,
    InboundWebhookBody,
    InboundWebhookRequest,
)
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.json_text import MalformedJson, parse_json
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.webhook_event import compact_json
from ari_agent.contract.without_effect import in_words, override_without_effect
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.signed_post import ANSWER_LIMIT_BYTES, PostFailed, SignedPost

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)
"""How long to wait before each further attempt."""

Body = TypeVar("Body", InboundWebhookBody, InboundChatWebhookBody)


def parse_answer(body: bytes) -> InboundWebhookAnswer:
    """Read the body of a 2xx answer about a call. An empty one, or one without `call_inbound`, overrides nothing.

    Raises:
        PostFailed: it is not JSON (RFC 8259: UTF-8, no NaN), or a field is not valid.
    """
    return _parsed(body, InboundWebhookBody).call_inbound or InboundWebhookAnswer()


def parse_chat_answer(body: bytes) -> InboundWebhookAnswer:
    """Read the body of a 2xx answer about a text message, as `parse_answer` does, from `chat_inbound`."""
    return _parsed(body, InboundChatWebhookBody).chat_inbound or InboundWebhookAnswer()


def _parsed(body: bytes, model: type[Body]) -> Body:
    if not body.strip():
        return model()
    try:
        given = parse_json(body)
    except MalformedJson as error:
        raise PostFailed(f"the answer is {error}") from None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise PostFailed(f"the answer is not valid: {explain(error, given, root='answer')}") from None


class InboundWebhook:
    """Sends the request of the inbound webhook, with retries.

    api_key: signs the request. timeout_s: of each attempt. retry_after_s: how long to wait before each further attempt.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._post = SignedPost(session, api_key, now_ms)
        self._timeout_s = timeout_s
        self._retry_after_s = retry_after_s

    async def ask(self, url: str, request: InboundWebhookRequest) -> InboundWebhookAnswer:
        """Ask about a call and return the first valid answer. May be cancelled at any time: the caller has hung up.

        Raises:
            InboundWebhookFailed: no attempt got a valid answer; the message says why the last one did not.
        """
        facts = {"call_id": request.call_inbound.call_id}
        return await self._ask(url, request.as_json(), parse_answer, facts)

    async def ask_about_chat(self, url: str, request: InboundChatWebhookRequest) -> InboundWebhookAnswer:
        """Ask about a text message and return the first valid answer.

        Raises:
            InboundWebhookFailed: no attempt got a valid answer; the message says why the last one did not.
        """
        facts = {"chat_id": request.chat_inbound.chat_id}
        return await self._ask(url, request.as_json(), parse_chat_answer, facts)

    async def _ask(
        self,
        url: str,
        question: Mapping[str, object],
        parse: Callable[[bytes], InboundWebhookAnswer],
        facts: Mapping[str, object],
    ) -> InboundWebhookAnswer:
        body = compact_json(question)

        async def attempt() -> InboundWebhookAnswer:
            try:
                answer = parse(
                    await self._post.send(url, body, timeout_s=self._timeout_s, answer_limit_bytes=ANSWER_LIMIT_BYTES)
                )
            except PostFailed as failure:
                number = retrying.statistics["attempt_number"]
                log.warning("inbound webhook %s: %s", shown_url(url), failure.why, extra={**facts, "attempt": number})
                raise
            _log_without_effect(answer.agent_override, facts)
            return answer

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + len(self._retry_after_s)),
            retry=retry_if_exception(lambda error: isinstance(error, PostFailed) and not error.hopeless),
            wait=wait_chain(*map(wait_fixed, self._retry_after_s)) if self._retry_after_s else wait_none(),
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except PostFailed as failure:
            number = retrying.statistics["attempt_number"]
            raise InboundWebhookFailed(shown_url(url), number, failure.why) from None


def _log_without_effect(override: AgentOverride | None, facts: Mapping[str, object]) -> None:
    """Name the settings of an override that change nothing. facts: the call or chat that it is for."""
    if found := override_without_effect(override):
        log.warning("settings without effect: %s", in_words(found), extra=facts)
