"""docs/schemas: made from the models, true for what is sent, and in accord with what is read.

What the product sends in other tests is held against the schemas by the fake agents (tests/fakes/schemas.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from ari_agent.agents import llm
from ari_agent.agents.control import live_control, refusal, transfer_answer, voicemail_notice
from ari_agent.agents.llm import parse_llm_message
from ari_agent.agents.message import CallFacts, Ignored, Refused
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.schema.message_tables import TABLES
from ari_agent.agents.schema.schema_files import written
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from tests.fakes.schemas import FOLDER, is_described

FACTS: Final = CallFacts("call_1", "anonymous", "+12025550100", "inbound", {"x-caller": "a"}, {"any": [1]})
CLIENTS: Final[Mapping[str, AgentProtocol]] = {
    "twilio": TwilioClient(FACTS, stream_sid="MZ1"),
    "web": WebClient(FACTS),
}
CONTROL: Final = (
    transfer_answer(TransferOutcome(status="succeeded")),
    transfer_answer(TransferOutcome(status="failed", sip_status=486, message="busy")),
    refusal("dtmf", "no digits"),
    refusal("transfer", "no destination"),
    live_control(CallControl(trigger_response=True, additional_context="he is late")),
    voicemail_notice(VoicemailNotice(status="greeting", action="static_text", text="Call us back.")),
)
EXAMPLES: Final = [
    (name, kind, str(example))
    for name, table in TABLES.items()
    if name.endswith("from-agent")
    for kind in table.models
    if (example := table.example(kind))
]


@pytest.mark.parametrize("name", written())
def test_the_files_are_those_that_the_models_make(name: str) -> None:
    wanted = written()[name]
    assert (FOLDER / name).read_text(encoding="utf-8") == wanted, "run: make schemas"


def test_the_folder_has_no_other_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(written())


def test_the_command_writes_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ari_agent.agents.schema.schema_files", str(tmp_path / "new")]
    subprocess.run(command, check=True, cwd=FOLDER.parents[1])
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == written()


@pytest.mark.parametrize("protocol", CLIENTS)
def test_all_that_an_audio_agent_is_told_is_described(protocol: str) -> None:
    client = CLIENTS[protocol]
    texts = [*client.opening(), client.dtmf("#", 0), client.mark("a"), *map(client.control, CONTROL), *client.closing()]
    if protocol == "twilio":
        texts.append(client.audio(b"\xff" * 160))
    for text in texts:
        assert is_described(json.loads(text), f"{protocol}-to-agent"), text


def test_all_that_a_text_agent_is_told_is_described() -> None:
    said: list[Mapping[str, object]] = [{"role": "user", "content": "hi", "words": []}]
    tools: list[Mapping[str, object]] = [*said, {"role": "dtmf", "digit": "5"}]
    for text in (
        llm.ping(1_700_000_000_000),
        llm.call_details({"call_id": "call_1"}),
        llm.call_details({"call_id": "call_1"}, reconnected=True),
        llm.update_only([]),
        llm.update_only(said, tools, turntaking="agent_turn"),
        llm.response_required(1, [], tools),
        llm.reminder_required(2, said),
    ):
        assert is_described(json.loads(text), "llm-to-agent"), text


def test_there_is_an_example_of_everything_that_an_agent_may_say() -> None:
    assert len(EXAMPLES) == sum(len(table.models) for name, table in TABLES.items() if name.endswith("from-agent"))


@pytest.mark.parametrize(("name", "kind", "example"), EXAMPLES, ids=[f"{name} {kind}" for name, kind, _ in EXAMPLES])
def test_every_example_is_described_and_understood(name: str, kind: str, example: str) -> None:
    message = json.loads(example)
    table = TABLES[name]
    assert is_described(message, name)
    assert table.kind(message) == kind
    assert table.fault(message) is None
    protocol = name.partition("-")[0]
    if protocol == "llm":
        parse_llm_message(example)
    else:
        assert not isinstance(CLIENTS[protocol].read_text(example.encode()), Ignored | Refused)


@pytest.mark.parametrize(
    ("name", "message", "fault"),
    [
        ("twilio-from-agent", {"event": "mark"}, "mark: required"),
        ("twilio-from-agent", {"event": "media", "media": {"payload": "a-b_"}}, "media.payload: "),
        ("web-from-agent", {"event_type": "update"}, "transcript: required"),
        ("llm-from-agent", {"response_id": 1, "content": "a"}, "content_complete: required"),
        ("llm-from-agent", {"response_type": "update_agent", "agent_config": {"responsiveness": 2}}, "agent_config."),
    ],
)
def test_a_message_that_is_not_as_described_is_explained(name: str, message: dict[str, Any], fault: str) -> None:
    assert not is_described(message, name)
    assert (TABLES[name].fault(message) or "").startswith(fault)


@pytest.mark.parametrize("name", ["twilio-from-agent", "web-from-agent"])
def test_a_message_of_an_unknown_kind_has_no_fault_and_no_example(name: str) -> None:
    table = TABLES[name]
    assert (table.kind({"event": "log"}), table.kind({})) == ("log", None)
    assert (table.fault({"event": "log"}), table.fault({}), table.example("log")) == (None, None, None)
