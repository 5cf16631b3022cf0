"""What a record writes into its call's public log, and the link to it that the call object has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.record import CallRecord
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_update import LiveFields
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.webhook_event import WebhookEventName
from tests.calls.test_record import ACCOUNT, agent, record

TRANSFER = TransferRequest(to="+14155559999")


class Logged:
    """A record with a log, and its lines."""

    def __init__(self, *, account: str | None = None, **settings: object) -> None:
        self.octets: list[bytes] = []

        def url(expires: bool, lifetime_ms: int | None) -> str:
            return f"http://host/log?{expires},{lifetime_ms}"

        log = PublicLog(lambda: self.octets.append, lambda: 0.0, url=url)
        of = agent(**settings)
        self.record = CallRecord(record(of).call, agent=of, account_webhook_url=account, log=log)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.octets]


def test_the_first_line_of_a_record_says_what_the_call_was_given() -> None:
    assert Logged().lines == [
        {
            "ms": 0,
            "event": "record_began",
            "agent_id": "agent_1",
            "agent_version": 2,
            "from_number": "+15550001",
            "to_number": "+15550002",
            "data_storage_setting": "everything",
            "content": {
                "dynamic_variables": {"x-caller": "abc", "tenant": "t7"},
                "custom_sip_headers": {"x-caller": "abc"},
            },
        }
    ]


@pytest.mark.parametrize("setting", ["everything_except_pii", "basic_attributes_only"])
def test_with_a_stricter_setting_its_size_alone_is_told(setting: str) -> None:
    (line,) = Logged(data_storage_setting=setting).lines
    assert "content" not in line
    assert line["content_bytes"] > 50


@pytest.mark.parametrize(
    ("fields", "link"),
    [
        ({}, "False,None"),
        ({"opt_in_signed_url": True}, "True,None"),
        ({"opt_in_signed_url": True, "signed_url_expiration_ms": 86_400_000}, "True,86400000"),
        ({"opt_in_signed_url": True, "signed_url_expiration_ms": None}, "True,None"),
        ({"signed_url_expiration_ms": 5000}, "False,None"),
    ],
)
def test_the_call_object_has_the_link_from_the_beginning(fields: dict[str, Any], link: str) -> None:
    call = Logged(**fields).record.call
    assert call.public_log_url == f"http://host/log?{link}"
    assert call.signed_url_expiration_ms == (int(link[5:]) if link[-1].isdigit() else None)
    assert record(agent()).call.public_log_url is None


def test_transfers_are_told_whether_there_is_a_receiver_of_webhooks_or_not() -> None:
    logged = Logged()
    logged.record.transfer_started(TRANSFER)
    logged.record.transfer_cancelled()
    logged.record.transfer_cancelled()
    logged.record.transfer_started(TRANSFER)
    logged.record.transferred("+14155559999", 5)
    lines = logged.lines[1:]
    assert [(line["event"], line["step"]) for line in lines] == [
        ("transfer", "started"),
        ("transfer", "cancelled"),
        ("transfer", "started"),
        ("transfer", "bridged"),
        ("transfer", "ended"),
    ]
    assert lines[0]["content"]["transfer_destination"] == {"number": "+14155559999"}
    assert "content" not in lines[-1]


def test_the_end_and_the_webhooks_that_are_owed() -> None:
    logged = Logged(account=ACCOUNT)
    logged.record.answered(1_000)
    logged.record.ended(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, 4_000, why="no answer")
    lines = logged.lines[1:]
    assert [(line["event"], line.get("webhook"), line.get("outcome")) for line in lines] == [
        ("webhook", "call_started", "queued"),
        ("call_ended", None, None),
        ("webhook", "call_ended", "queued"),
        ("webhook", "call_analyzed", "queued"),
    ]
    assert lines[1] == {
        "ms": 0,
        "event": "call_ended",
        "disconnection_reason": "error_llm_websocket_open",
        "who": "system",
        "duration_ms": 3_000,
        "content": "no answer",
    }


def test_whether_a_webhook_will_be_owed_is_known_before() -> None:
    assert Logged(account=ACCOUNT).record.will_tell(WebhookEventName.CALL_ANALYZED)
    assert not Logged().record.will_tell(WebhookEventName.CALL_ANALYZED)
    filtered = Logged(account=ACCOUNT, webhook_events=["call_started"]).record
    assert not filtered.will_tell(WebhookEventName.CALL_ANALYZED)


def test_a_stricter_setting_withdraws_what_was_written() -> None:
    logged = Logged()
    logged.record.override(LiveFields(metadata={"a": 1}))
    assert len(logged.lines) == 1
    logged.record.override(LiveFields(data_storage_setting="everything_except_pii"))
    assert logged.lines[-1] == {"ms": 0, "event": "content_withdrawn"}
