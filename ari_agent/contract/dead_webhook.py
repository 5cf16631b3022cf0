"""Dead letters: webhooks that no attempt delivered, as the API lists them. This part of the API is ours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ari_agent.contract.paging import MAX_PAGE, Page
from ari_agent.contract.parsing.model import ContractModel, Count, JsonObject, Timestamp
from ari_agent.contract.webhook_event import WebhookEventName


class DeadWebhook(ContractModel):
    """One of them. call_id: of the call, or of the chat; payload: the body as it was sent; last_error: why the last
    attempt failed; created_timestamp: when the event happened.
    """

    webhook_id: Count
    event: WebhookEventName
    call_id: str
    url: str
    attempts: Count
    last_error: str
    created_timestamp: Timestamp
    failed_timestamp: Timestamp
    payload: JsonObject


class DeadWebhookPage(Page):
    """Some of them, oldest first."""

    items: tuple[DeadWebhook, ...]


class DeadWebhookFilter(ContractModel):
    """Which of them. call_id: of one call or chat only."""

    call_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None = None


class DeadWebhookQuery(DeadWebhookFilter):
    """Which page of them. pagination_key: as the page before answered it."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50  # a query string has no types to be strict about
    pagination_key: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class ReplayedWebhooks(ContractModel):
    """How many became pending again."""

    replayed_count: Count
