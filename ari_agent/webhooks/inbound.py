"""The inbound webhook: asks the owner of a number what to do with a call, while the caller's phone rings, or with a
text message, while nobody has answered it.

Source: Retell, "Inbound call & SMS webhook" (2026-08): a signed POST, 10 s, retried up to 3 times unless a valid 2xx
comes back. Between the attempts the caller waits, so the pauses are short: with a receiver that refuses at once the
whole takes under 2 s, with one that never answers 42 s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import aiohttp
from pydantic import ValidationError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_chain, wait_fixed, wait_none

from ari_agent.clock import now_ms
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
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.signed_post import ANSWER_LIMIT_BYTES, PostFailed, SignedPost

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)

Body = TypeVar("Body", InboundWebhookBody, InboundChatWebhookBody)


def parse_answer(body: bytes) -> InboundWebhookAnswer:
    """What a 2xx says about a call. An empty body, or one without `call_inbound`, overrides nothing.

    Raises:
        PostFailed: no JSON (RFC 8259: UTF-8, no NaN), or a field that is not what it should be.
    """
    return _parsed(body, InboundWebhookBody).call_inbound or InboundWebhookAnswer()


def parse_chat_answer(body: bytes) -> InboundWebhookAnswer:
    """What a 2xx says about a text message, under `chat_inbound`; else as `parse_answer`."""
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
    """Asks. api_key: signs the question. retry_after_s: pauses before each further attempt, in seconds."""

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
        """The answer of the first attempt that gets a valid one. Cancelling it, when the caller hangs up, ends it at
        once, whatever it waits for.

        Raises:
            InboundWebhookFailed: no attempt got one; says why the last did not.
        """
        facts = {"call_id": request.call_inbound.call_id}
        return await self._ask(url, request.as_json(), parse_answer, facts)

    async def ask_about_chat(self, url: str, request: InboundChatWebhookRequest) -> InboundWebhookAnswer:
        """The same about a text message.

        Raises:
            InboundWebhookFailed: no attempt got an answer.
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
                return parse(
                    await self._post.send(url, body, timeout_s=self._timeout_s, answer_limit_bytes=ANSWER_LIMIT_BYTES)
                )
            except PostFailed as failure:
                number = retrying.statistics["attempt_number"]
                log.warning("inbound webhook %s: %s", shown_url(url), failure.why, extra={**facts, "attempt": number})
                raise

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
