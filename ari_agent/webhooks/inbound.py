"""The inbound webhook: asks the owner of a number what to do with a call, while the caller's phone rings.

Source: Retell, "Inbound call & SMS webhook" (2026-08): a signed POST, 10 s, retried up to 3 times unless a valid 2xx
comes back. Between the attempts the caller waits, so the pauses are short: with a receiver that refuses at once the
whole takes under 2 s, with one that never answers 42 s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
from pydantic import ValidationError

from ari_agent.contract.explain import explain
from ari_agent.contract.inbound import InboundWebhookAnswer, InboundWebhookBody, InboundWebhookRequest
from ari_agent.contract.json_text import MalformedJson, parse_json
from ari_agent.contract.webhook_event import compact_json
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.signed_post import ANSWER_LIMIT_BYTES, PostFailed, SignedPost, shown

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)


def parse_answer(body: bytes) -> InboundWebhookAnswer:
    """What a 2xx says. An empty body, or one without `call_inbound`, overrides nothing.

    Raises:
        PostFailed: no JSON (RFC 8259: UTF-8, no NaN), or a field that is not what it should be.
    """
    if not body.strip():
        return InboundWebhookAnswer()
    try:
        given = parse_json(body)
    except MalformedJson as error:
        raise PostFailed(f"the answer is {error}") from None
    try:
        answer = InboundWebhookBody.model_validate(given).call_inbound
    except ValidationError as error:
        raise PostFailed(f"the answer is not valid: {explain(error, given, root='answer')}") from None
    return answer or InboundWebhookAnswer()


class InboundWebhook:
    """Asks. api_key: signs the question. retry_after_s: pauses before each further attempt, in seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
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
        body = compact_json(request.as_json())
        attempt = 0
        while True:
            attempt += 1
            try:
                return parse_answer(
                    await self._post.send(url, body, timeout_s=self._timeout_s, answer_limit_bytes=ANSWER_LIMIT_BYTES)
                )
            except PostFailed as failure:
                facts = {"call_id": request.call_inbound.call_id, "attempt": attempt}
                log.warning("inbound webhook %s: %s", shown(url), failure.why, extra=facts)
                if failure.hopeless or attempt > len(self._retry_after_s):
                    raise InboundWebhookFailed(shown(url), attempt, failure.why) from None
            await asyncio.sleep(self._retry_after_s[attempt - 1])
