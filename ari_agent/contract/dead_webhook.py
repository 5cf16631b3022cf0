"""Dead letters: webhooks that no attempt delivered, as the API lists them. This part of the API is ours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ari_agent.contract.paging import MAX_PAGE, Page
from ari_agent.contract.parsing.model import ContractModel, Count, JsonObject, Timestamp
from ari_agent.contract.webhook_event import WebhookEventName


class DeadWebhook(ContractModel):
    """A webhook that no attempt delivered.

    call_id: the id of the call or chat. attempts: how many failed; last_error: why the last one did.
    created_timestamp: when the event happened; failed_timestamp: when it was given up. payload: the body as sent.
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
    """Answer of the list of dead webhooks, oldest first."""

    items: tuple[DeadWebhook, ...]


class DeadWebhookFilter(ContractModel):
    """Which dead webhooks are meant. call_id: those of one call or chat only; all if left out."""

    call_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None = None


class DeadWebhookQuery(DeadWebhookFilter):
    """Which page of the list is wanted. pagination_key: as answered with the page before; left out for the first."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50  # a query string has no types to be strict about
    pagination_key: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class ReplayedWebhooks(ContractModel):
    """Answer of a request to send dead webhooks again: how many will be."""

    replayed_count: Count
