from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Literal

import pytest

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


def failed_record() -> logging.LogRecord:
    try:
        raise LookupError("a defect")
    except LookupError:
        return logging.getLogger("x").makeRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())


def test_a_traceback_follows_the_line_in_text_and_is_inside_it_in_json() -> None:
    first, *traceback = TextFormatter().format(failed_record()).splitlines()
    assert first.endswith("ERROR   x: failed")
    assert traceback[-1] == "LookupError: a defect"
    (line,) = JsonFormatter().format(failed_record()).splitlines()
    assert json.loads(line)["traceback"].endswith("LookupError: a defect")


@pytest.mark.parametrize(
    ("log_format", "shown"), [("text", "INFO    x: call routed"), ("json", '"message": "call routed"')]
)
def test_lines_from_info_upwards_go_to_standard_error(log_format: Literal["text", "json"], shown: str) -> None:
    program = (
        f"import logging; from ari_agent.logs import set_up; set_up({log_format!r}); log = logging.getLogger('x'); "
        "log.debug('a packet'); log.info('call routed'); logging.getLogger('alembic').info('a step')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    (line,) = done.stderr.splitlines()
    assert shown in line
    assert done.stdout == ""
