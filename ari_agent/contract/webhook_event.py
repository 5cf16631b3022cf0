"""Webhook events: their names, and the form in which they wait in the outbox.

Source: Retell, "Retell webhooks overview" (2026-08). Body: `{"event": NAME, "call": {call object}}`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

DEFAULT_TIMEOUT_MS: Final = 10_000
"""How long one attempt may take where no agent says otherwise (its webhook_timeout_ms)."""


class WebhookEventName(StrEnum):
    """`event` of a webhook, as the agent's `webhook_events` lists it."""

    CALL_STARTED = "call_started"
    CALL_ENDED = "call_ended"
    CALL_ANALYZED = "call_analyzed"
    TRANSCRIPT_UPDATED = "transcript_updated"
    TRANSFER_STARTED = "transfer_started"
    TRANSFER_BRIDGED = "transfer_bridged"
    TRANSFER_CANCELLED = "transfer_cancelled"
    TRANSFER_ENDED = "transfer_ended"
    CHAT_STARTED = "chat_started"
    CHAT_ENDED = "chat_ended"
    CHAT_ANALYZED = "chat_analyzed"

    @property
    def once_per_call(self) -> bool:
        """Whether the event happens at most once in a call or chat; transfers and transcript updates may repeat."""
        return self in _ONCE_PER_CALL


_ONCE_PER_CALL: Final = frozenset(
    {
        WebhookEventName.CALL_STARTED,
        WebhookEventName.CALL_ENDED,
        WebhookEventName.CALL_ANALYZED,
        WebhookEventName.CHAT_STARTED,
        WebhookEventName.CHAT_ENDED,
        WebhookEventName.CHAT_ANALYZED,
    }
)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event for one receiver.

    call_id: the id of the call or chat. url: http or https.
    body: exactly the bytes that are signed and sent; not shown in logs, since it holds what was said.
    timeout_ms: how long one attempt may take.
    """

    call_id: str
    event: WebhookEventName
    url: str
    body: bytes = field(repr=False)
    timeout_ms: int = DEFAULT_TIMEOUT_MS

    @property
    def receiver(self) -> str:
        """Host and port of the URL, by which receivers are distinguished; empty for a malformed URL."""
        try:
            return urlsplit(self.url).netloc.rpartition("@")[2].lower()
        except ValueError:
            return ""


def delivery_id(*what: object) -> str:
    """Return 32 hexadecimal digits that stand for what is delivered: the same for the same values in every process."""
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event that waits in the outbox. attempts: how many have failed so far."""

    outbox_id: int
    event: WebhookEvent
    attempts: int

    @property
    def delivery_id(self) -> str:
        """The same in every attempt, also after a crash or a replay; no other event has it."""
        return delivery_id(self.event.call_id, self.event.event, self.outbox_id)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that no attempt delivered.

    attempts: how many failed; why: the last failure. created_ms, failed_ms: when the event happened and was given up,
    in milliseconds since 1970.
    """

    outbox_id: int
    event: WebhookEvent
    attempts: int
    why: str
    created_ms: int
    failed_ms: int
