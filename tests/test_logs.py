from __future__ import annotations

import json
import logging

from ari_agent.calls.call_log import CallLog
from ari_agent.logs import JsonFormatter, TextFormatter


def record(message: str, **facts: object) -> logging.LogRecord:
    return logging.getLogger("ari_agent.calls.session").makeRecord(
        "ari_agent.calls.session", logging.INFO, "session.py", 1, message, (), None, extra=facts
    )


def test_text_shows_the_facts_behind_the_message() -> None:
    line = TextFormatter().format(record("call routed", call_id="call_1", agent_id="agent_1", missing=None))
    assert line.endswith("INFO    calls.session: call routed call_id=call_1 agent_id=agent_1")


def test_a_caller_cannot_forge_a_line() -> None:
    line = TextFormatter().format(record("call arrived\nforged", to="1\r\n2026 forged"))
    assert "\n" not in line
    assert "\\r\\n2026" in line


def test_json_is_one_object_a_line() -> None:
    entry = json.loads(JsonFormatter().format(record("call routed", call_id="call_1", to="é\n")))
    assert (entry["message"], entry["call_id"], entry["to"]) == ("call routed", "call_1", "é\n")


def test_every_line_of_a_call_names_it() -> None:
    adapter = CallLog(logging.getLogger("x"), {"call_id": "call_1", "sip_call_id": "a@b"})
    _, kwargs = adapter.process("call routed", {"extra": {"agent_id": "agent_1"}})
    assert kwargs["extra"] == {"call_id": "call_1", "sip_call_id": "a@b", "agent_id": "agent_1"}
