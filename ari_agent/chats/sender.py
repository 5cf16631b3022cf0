"""Sends texts as SIP messages: in parts that fit one each, and again to an Asterisk that is away for a moment."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_chain, wait_fixed

from ari_agent.asterisk.messages import MessageDestination, parts
from ari_agent.errors import AsteriskError, AsteriskRefused, AsteriskUnreachable

log = logging.getLogger(__name__)

SEND_AGAIN_AFTER_S: Final = (0.5, 2.0, 5.0, 10.0, 20.0)
"""Pauses between attempts, in seconds: an Asterisk that restarts is back within them."""

Send = Callable[[MessageDestination, str], Awaitable[None]]
"""What hands one SIP MESSAGE to Asterisk. Raises AsteriskError."""


async def send_text(send: Send, destination: MessageDestination, text: str, *, facts: Mapping[str, object]) -> bool:
    """Send a text, whatever its length; returns False if none of it was sent. facts: for the log."""
    sent = False
    for part in parts(text):
        if not await _send_part(send, destination, part, facts):
            break
        sent = True
    return sent


async def _send_part(send: Send, destination: MessageDestination, part: str, facts: Mapping[str, object]) -> bool:
    async def attempt() -> None:
        try:
            await send(destination, part)
        except AsteriskError as error:
            log.warning("text message not sent: %s", error, extra=facts)
            raise

    sending = AsyncRetrying(
        stop=stop_after_attempt(1 + len(SEND_AGAIN_AFTER_S)),
        retry=retry_if_exception(_passes),
        wait=wait_chain(*map(wait_fixed, SEND_AGAIN_AFTER_S)),
        reraise=True,
    )
    try:
        await sending(attempt)
    except AsteriskError:
        return False
    return True


def _passes(error: BaseException) -> bool:
    """Return whether the error may pass: Asterisk is away or not ready yet. Else the message would be refused again."""
    return isinstance(error, AsteriskUnreachable) or (isinstance(error, AsteriskRefused) and error.status >= 500)
