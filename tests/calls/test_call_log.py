"""What a call's logger writes for whoever runs the controller, and what of it stands in the public log."""

from __future__ import annotations

import json
import logging

import pytest

from ari_agent.calls.call_log import CallLog
from ari_agent.calls.public_log.public_log import PublicLog


def test_a_line_names_the_call_and_a_fault_stands_in_the_public_log(caplog: pytest.LogCaptureFixture) -> None:
    octets: list[bytes] = []
    public = PublicLog(lambda: octets.append, lambda: 0.0)
    public.open(keeps_content=True)
    log = CallLog(logging.getLogger(__name__), {"call_id": "call_1"}, public)
    log.learn(channel_id="1.1")
    with caplog.at_level(logging.INFO):
        log.info("call %s", "talking")
        log.warning("transfer refused: %s", "why", extra={"to": "101"})
    assert [(line.message, vars(line)["call_id"], vars(line)["channel_id"]) for line in caplog.records] == [
        ("call talking", "call_1", "1.1"),
        ("transfer refused: why", "call_1", "1.1"),
    ]
    assert [json.loads(line) for line in octets] == [
        {
            "ms": 0,
            "event": "fault",
            "level": "warning",
            "what": "transfer refused: %s",
            "content": {"text": "transfer refused: why", "to": "101"},
        }
    ]
