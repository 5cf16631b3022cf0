"""Events of webhooks: their receivers, and which of them may repeat."""

from __future__ import annotations

import pytest

from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("https://user:secret@Example.com/hook", "example.com"),
        ("http://example.com:8080/a?b", "example.com:8080"),
        ("http://[::1/", ""),
    ],
)
def test_a_receiver_is_told_by_host_and_port(url: str, receiver: str) -> None:
    event = WebhookEvent("call_1", WebhookEventName.CALL_ENDED, url, b"said in the call")
    assert event.receiver == receiver
    assert "said" not in repr(event)


def test_what_begins_or_ends_a_call_or_chat_happens_once_and_the_rest_may_repeat() -> None:
    repeated = {name.value for name in WebhookEventName if not name.once_per_call}
    assert repeated == {
        "transcript_updated",
        "transfer_started",
        "transfer_bridged",
        "transfer_cancelled",
        "transfer_ended",
    }
