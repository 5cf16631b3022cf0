from __future__ import annotations

import pytest

from ari_agent.contract.webhook_delivery import DeliveryState, WebhookDelivery
from ari_agent.contract.webhook_event import QueuedEvent, WebhookEvent, WebhookEventName


def a_delivery(state: DeliveryState, *, is_kept: bool, event: str = "call_ended") -> WebhookDelivery:
    url = "https://user:hunter2@a.example:8443/hook?token=hunter2"
    name = WebhookEventName(event)
    return WebhookDelivery(7, "call_1", name, url, state, 1, None, 2, 0, None, 0, [], is_kept)


@pytest.mark.parametrize(
    ("state", "is_kept", "expected"),
    [
        (DeliveryState.DELIVERED, True, True),
        (DeliveryState.DEAD, True, True),
        (DeliveryState.DEAD, False, False),
        (DeliveryState.PENDING, True, False),
    ],
)
def test_what_is_at_its_end_and_kept_can_be_sent_again(state: DeliveryState, is_kept: bool, expected: bool) -> None:
    assert a_delivery(state, is_kept=is_kept).can_be_replayed == expected


def test_people_see_no_secret_and_the_id_that_the_receiver_sees() -> None:
    delivery = a_delivery(DeliveryState.DEAD, is_kept=True)
    assert delivery.shown_url == "https://a.example:8443/hook"
    assert "hunter2" not in repr(delivery)
    queued = QueuedEvent(7, WebhookEvent("call_1", WebhookEventName.CALL_ENDED, "https://a.example/", b"{}"), 3)
    assert delivery.delivery_id == queued.delivery_id


def test_a_chats_webhook_is_told_by_its_event() -> None:
    assert a_delivery(DeliveryState.DEAD, is_kept=True, event="chat_ended").is_of_chat
    assert not a_delivery(DeliveryState.DEAD, is_kept=True).is_of_chat
