from __future__ import annotations

from typing import Any

import pytest

from ari_agent.check.stored import Stored, StoredAgent, agents_named_by, depends_on_the_call, without_variables
from ari_agent.contract.agent import Agent
from ari_agent.contract.phone_number import PhoneNumber

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/ws"}
TEXT = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example/llm"}
HOSTED = {"type": "retell-llm", "llm_id": "llm_1"}


def agent(engine: dict[str, Any] = AUDIO, *, bound: bool = True, **fields: Any) -> StoredAgent:
    given = {
        "agent_id": "agent_1",
        "response_engine": engine,
        "voice_id": "none",
        "last_modification_timestamp": 0,
        **fields,
    }
    return StoredAgent(Agent.model_validate(given), bound)


def number(phone_number: str = "+14155550123", **fields: Any) -> PhoneNumber:
    return PhoneNumber.model_validate({"phone_number": phone_number, "last_modification_timestamp": 0, **fields})


def trunk(uri: str = "sip.example", **fields: Any) -> dict[str, Any]:
    return {"sip_outbound_trunk_config": {"termination_uri": uri, **fields}}


@pytest.mark.parametrize(
    ("stored", "features"),
    [
        (Stored(), set()),
        (Stored(numbers=[number()]), set()),
        (Stored(numbers=[number(fallback_number="+14155550199")]), {"fallback numbers"}),
        (Stored(numbers=[number(**trunk())]), {"calls out"}),
        (Stored(numbers=[number(**trunk(auth_username="u"))]), {"calls out", "calls out with a password"}),
        (Stored(numbers=[number(**trunk(registration={}))]), {"calls out", "registration of trunks"}),
        (Stored(numbers=[number(**trunk(transport="TLS"))]), {"calls out", "encrypted audio"}),
        (Stored(numbers=[number(**trunk(transport="TLS", media_encryption="disable"))]), {"calls out"}),
        (
            Stored(numbers=[number(inbound_sms_agents=[{"agent_id": "agent_1", "weight": 1}])]),
            {"text messages"},
        ),
        (
            Stored([agent(voicemail_option={"action": {"type": "hangup"}})]),
            {"recognising answering machines"},
        ),
        (Stored([agent(voicemail_option={"action": {"type": "hangup"}}, bound=False)]), set()),
    ],
)
def test_features_are_in_use_where_a_number_or_an_agent_that_one_names_has_them(
    stored: Stored, features: set[str]
) -> None:
    assert stored.features() == features


def test_numbers_of_one_trunk_stand_together() -> None:
    numbers = [number("+14155550123", **trunk()), number("+14155550124", **trunk("sip:sip.example;transport=udp"))]
    numbers += [number("+14155550125", **trunk()), number("+14155550126")]
    assert Stored(numbers=numbers).trunk_hosts() == {
        ("sip.example", "tcp"): ["+14155550123", "+14155550125"],
        ("sip.example", "udp"): ["+14155550124"],
    }


def test_each_webhook_is_named_once_by_who_has_it() -> None:
    stored = Stored(
        [agent(agent_name="Weather", webhook_url="https://a.example/hook"), agent(webhook_url="https://b.example")],
        [number(inbound_webhook_url="https://c.example", inbound_sms_webhook_url="https://d.example")],
        "https://a.example/hook",
    )
    assert stored.webhook_urls() == {
        "https://a.example/hook": "ARI_AGENT_WEBHOOK_URL",
        "https://b.example": "webhook_url of agent agent_1",
        "https://c.example": "inbound_webhook_url of +14155550123",
        "https://d.example": "inbound_sms_webhook_url of +14155550123",
    }


def test_an_agent_has_the_url_of_its_own_server_if_it_has_one() -> None:
    assert agent(AUDIO).url == "wss://agent.example/ws"
    assert agent(TEXT).url == "wss://agent.example/llm"
    assert agent(HOSTED).url is None


def test_text_agents_are_those_that_callers_reach() -> None:
    stored = Stored([agent(TEXT, agent_name="Words"), agent(TEXT, bound=False), agent(AUDIO)])
    assert stored.text_agents() == ["Words"]


def test_agents_are_named_by_numbers_in_each_direction_and_each_version_once() -> None:
    first = [{"agent_id": "agent_1", "weight": 1}]
    second = [{"agent_id": "agent_1", "agent_version": 3, "weight": 0.5}, {"agent_id": "agent_2", "weight": 0.5}]
    numbers = [number(inbound_agents=first, outbound_agents=second), number("+14155550124", inbound_sms_agents=first)]
    named = [(weight.agent_id, weight.agent_version) for weight in agents_named_by(numbers)]
    assert named == [("agent_1", None), ("agent_1", 3), ("agent_2", None)]


@pytest.mark.parametrize(
    ("url", "depends", "plain"),
    [
        ("wss://agent.example/{{tenant}}?x={{ y }}", False, "wss://agent.example/?x="),
        ("wss://{{host}}/ws", True, "wss:///ws"),
        ("wss://agent.example:{{port}}", True, "wss://agent.example:"),
        ("wss://agent.example/ws", False, "wss://agent.example/ws"),
    ],
)
def test_a_url_may_depend_on_the_call(url: str, depends: bool, plain: str) -> None:
    assert depends_on_the_call(url) is depends
    assert without_variables(url) == plain
