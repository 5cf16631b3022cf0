from __future__ import annotations

import json

from ari_agent.calls.record import CallRecord, registered_call, turned_away_call
from ari_agent.contract.agent import Agent
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason

ACCOUNT = "https://account.example/hook"


def agent(**settings: object) -> Agent:
    return Agent.model_validate(
        {
            "agent_id": "agent_1",
            "version": 2,
            "last_modification_timestamp": 1,
            "response_engine": {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/"},
            **settings,
        }
    )


def record(of: Agent, account: str | None = ACCOUNT) -> CallRecord:
    call = registered_call(
        call_id="call_1",
        agent=of,
        from_number="+15550001",
        to_number="+15550002",
        sip_headers={"x-caller": "abc"},
        sip_call_id="a@b",
        dynamic_variables={"x-caller": "abc", "tenant": "t7"},
        metadata=None,
    )
    return CallRecord(call, agent=of, account_webhook_url=account)


def test_a_call_owes_started_ended_and_analyzed() -> None:
    one = record(agent())
    one.answered(1_000)
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert [event.event.value for event in one.owed] == ["call_started", "call_ended", "call_analyzed"]
    started, ended, analyzed = (json.loads(event.body)["call"] for event in one.owed)
    assert started["call_status"] == "ongoing"
    assert "end_timestamp" not in started
    assert (ended["duration_ms"], ended["disconnection_reason"]) == (3_000, "user_hangup")
    assert "call_analysis" not in ended
    assert analyzed["call_analysis"]["call_successful"] is True
    assert "metadata" not in ended


def test_a_call_that_never_connected_owes_no_call_started() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, 4_000)
    assert [event.event.value for event in one.owed] == ["call_ended", "call_analyzed"]
    assert one.call.call_status is CallStatus.ERROR
    assert one.call.duration_ms is None


def test_a_call_ends_once() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    one.ended(DisconnectionReason.ERROR_RETELL, 5_000)
    assert one.call.disconnection_reason is DisconnectionReason.USER_HANGUP
    assert len(one.owed) == 2


def test_the_agents_webhook_replaces_the_accounts_and_may_name_variables() -> None:
    one = record(agent(webhook_url="https://{{tenant}}.example/hook", webhook_timeout_ms=2_500))
    one.answered(1_000)
    assert [(event.url, event.timeout_ms) for event in one.owed] == [("https://t7.example/hook", 2_500)]


def test_the_agent_filters_its_events() -> None:
    one = record(agent(webhook_events=["call_analyzed"]))
    one.answered(1_000)
    one.ended(DisconnectionReason.AGENT_HANGUP, 2_000)
    assert [event.event.value for event in one.owed] == ["call_analyzed"]


def test_nobody_listens_nothing_is_owed() -> None:
    one = record(agent(), account=None)
    one.answered(1_000)
    one.ended(DisconnectionReason.AGENT_HANGUP, 2_000)
    assert one.owed == []


def test_a_caller_whose_webhook_failed_has_a_record() -> None:
    call = turned_away_call(call_id="call_2", agent_id="", from_number="anonymous", to_number="100")
    one = CallRecord(call, agent=None, account_webhook_url=ACCOUNT)
    one.ended(DisconnectionReason.ERROR_INBOUND_WEBHOOK, 9)
    assert one.call.as_json()["disconnection_reason"] == "error_inbound_webhook"
    assert [event.url for event in one.owed] == [ACCOUNT, ACCOUNT]
