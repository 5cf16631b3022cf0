"""Objects that tests put into stores."""

from __future__ import annotations

from typing import Any

from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.call import Call
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName

START_MS = 1_790_000_000_000


def a_call(call_id: str = "call_1", **fields: Any) -> Call:
    """An inbound call that is going on."""
    return Call.model_validate(
        {
            "call_id": call_id,
            "agent_id": "agent_1",
            "agent_version": 0,
            "call_status": "ongoing",
            "direction": "inbound",
            "from_number": "+12137771234",
            "to_number": "+12137771235",
            "start_timestamp": START_MS,
            **fields,
        }
    )


def an_event(
    call_id: str = "call_1",
    event: WebhookEventName = WebhookEventName.CALL_STARTED,
    *,
    url: str = "http://127.0.0.1:9/hook",
    timeout_ms: int = 10_000,
) -> WebhookEvent:
    """What is told about a call."""
    return WebhookEvent(call_id, event, url, f'{{"event":"{event}","call":"{call_id}"}}'.encode(), timeout_ms)


def an_agent(**fields: Any) -> AgentCreate:
    """An audio agent on this machine."""
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}
    return AgentCreate.model_validate({"response_engine": engine, "agent_name": "Anna", **fields})


def a_number(phone_number: str = "+12137771235", *, modified_ms: int = START_MS, **fields: Any) -> PhoneNumber:
    """A number on a trunk with a password."""
    trunk = {"termination_uri": "pbx.example.com", "auth_username": "trunk", "auth_password": "s3cret-of-the-trunk"}
    return PhoneNumber.model_validate(
        {
            "phone_number": phone_number,
            "sip_outbound_trunk_config": trunk,
            "last_modification_timestamp": modified_ms,
            **fields,
        }
    )
