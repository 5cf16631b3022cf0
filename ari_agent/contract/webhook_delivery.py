"""The delivery of one webhook as people are shown it, and what they look for among all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.webhook_attempt import WebhookAttempt
from ari_agent.contract.webhook_event import WebhookEventName, delivery_id


class DeliveryState(StrEnum):
    """Whether a webhook is still to be sent, was answered with a 2xx, or was given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A webhook on its way, or at its end.

    webhook_id: its number in the outbox. call_id: the id of the call or chat. url: as it was configured, with all its
    secrets: only `shown_url` of it is for people. created_ms, due_ms, settled_ms: when the event happened, when the
    next attempt is due if it is pending, and when it was delivered or given up, in milliseconds since 1970. failures:
    attempts that have failed since it was queued or sent again. why: the last failure. replays: how often it was sent
    again. attempts: the last ones, the oldest first. is_kept: what was sent is there, so that it can be sent again.
    """

    webhook_id: int
    call_id: str
    event: WebhookEventName
    url: str = field(repr=False)
    state: DeliveryState
    created_ms: int
    due_ms: int | None
    settled_ms: int | None
    failures: int
    why: str | None
    replays: int
    attempts: Sequence[WebhookAttempt]
    is_kept: bool

    @property
    def shown_url(self) -> str:
        """The URL for people, without user, password and query."""
        return shown_url(self.url)

    @property
    def delivery_id(self) -> str:
        """What `X-Ari-Agent-Delivery` tells the receiver, the same in every attempt."""
        return delivery_id(self.call_id, self.event, self.webhook_id)

    @property
    def is_of_chat(self) -> bool:
        """Whether `call_id` is the id of a chat."""
        return self.event.value.startswith("chat_")

    @property
    def can_be_replayed(self) -> bool:
        """Whether it is at its end, and what was sent is there to be sent again."""
        return self.is_kept and self.state is not DeliveryState.PENDING


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What deliveries are looked for; None for what is of no interest.

    host: of the URL, with its port where it has one, or without, which means any port. call_id: of a call or chat.
    """

    state: DeliveryState | None = None
    event: WebhookEventName | None = None
    host: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many wait, were delivered since some time, and were given up."""

    pending: int
    delivered: int
    dead: int
