"""The vendor's own client, unmodified, with its strictest reading of answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API_KEY
from tests.api.served import ENDED, LIVE, NUMBER, served
from tests.contract.flows import EVERYTHING

if TYPE_CHECKING:
    from retell import Retell

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served")) as (url, _):
        yield url


@pytest.fixture(scope="module")
def client(base_url: str) -> Iterator[Retell]:
    from retell import Retell

    with Retell(api_key=API_KEY, base_url=base_url, max_retries=0, _strict_response_validation=True) as made:
        yield made


def test_agents(client: Retell) -> None:
    from retell import UnprocessableEntityError

    made = client.agent.create(
        response_engine={"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/{{branch}}"},
        voice_id="11labs-Adrian",
        agent_name="Ada",
        language=["en-US", "de-DE"],
        voicemail_option={"action": {"type": "static_text", "text": "Call me."}},
        user_dtmf_options={"digit_limit": 4, "termination_key": "#"},
        post_call_analysis_data=[{"type": "enum", "name": "mood", "description": "How?", "choices": ["good", "bad"]}],
        pronunciation_dictionary=[{"word": "Asterisk", "alphabet": "cmu", "phoneme": "AE1 S T ER0 IH0 S K"}],
        custom_stt_config={"provider": "deepgram", "endpointing_ms": 10},
        pii_config={"mode": "post_call", "categories": ["ssn"]},
        webhook_events=["call_ended", "transfer_ended"],
    )
    assert client.agent.retrieve(made.agent_id) == made
    assert client.agent.retrieve(made.agent_id, version=0) == made

    changed = client.agent.update(made.agent_id, agent_name=None, interruption_sensitivity=0)
    assert (changed.agent_name, changed.interruption_sensitivity, changed.language) == (None, 0, made.language)

    page = client.agent.list(
        limit=1, filter_criteria={"query": made.agent_id, "channel": {"type": "string", "op": "eq", "value": "voice"}}
    )
    assert [item.agent_id for item in page.items] == [made.agent_id]

    client.agent.delete(made.agent_id)
    with pytest.raises(UnprocessableEntityError):
        client.agent.retrieve(made.agent_id)


def test_prompts(client: Retell) -> None:
    from retell import UnprocessableEntityError

    about = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]}
    made = client.llm.create(
        model="gpt-5",
        model_temperature=0.5,
        start_speaker="agent",
        general_prompt="You serve {{name}}.",
        begin_message="Hi.",
        default_dynamic_variables={"name": "Ada"},
        general_tools=[
            {"type": "end_call", "name": "bye", "description": "done"},
            {
                "type": "transfer_call",
                "name": "sales",
                "description": "wants to buy",
                "transfer_destination": {"type": "predefined", "number": "+14155550100"},
                "transfer_option": {"type": "cold_transfer", "show_transferee_as_caller": False},
            },
            {"type": "press_digit", "name": "press", "description": "in a menu", "delay_ms": 500},
            {
                "type": "custom",
                "name": "stock",
                "description": "what is left",
                "url": "https://shop.example.com/stock",
                "method": "POST",
                "headers": {"X-Key": "{{key}}"},
                "parameters": about,  # type: ignore[typeddict-item]
                "speak_during_execution": True,
                "speak_after_execution": True,
                "timeout_ms": 5000,
            },
        ],
        starting_state="greet",
        states=[
            {"name": "greet", "edges": [{"destination_state_name": "help", "description": "is known"}]},
            {"name": "help", "state_prompt": "Help."},
        ],
    )
    assert client.llm.retrieve(made.llm_id) == made
    assert client.llm.retrieve(made.llm_id, version=0) == made
    changed = client.llm.update(made.llm_id, begin_message=None, general_prompt="Be kind.")
    assert (changed.begin_message, changed.general_prompt, changed.states) == (None, "Be kind.", made.states)
    assert made.llm_id in [item.llm_id for item in client.llm.list(limit=10).items]
    agent = client.agent.create(response_engine={"type": "retell-llm", "llm_id": made.llm_id}, voice_id="11labs-Adrian")
    assert agent.response_engine.type == "retell-llm"
    client.agent.delete(agent.agent_id)
    client.llm.delete(made.llm_id)
    with pytest.raises(UnprocessableEntityError, match="not found"):
        client.llm.retrieve(made.llm_id)


def test_flows(client: Retell) -> None:
    from retell import UnprocessableEntityError

    flows = client.conversation_flow
    made = flows.create(**EVERYTHING)
    for node, sent in zip(made.nodes or (), EVERYTHING["nodes"], strict=True):
        assert node.to_dict().items() >= sent.items()
    assert flows.retrieve(made.conversation_flow_id, version=0) == made
    changed = flows.update(made.conversation_flow_id, global_prompt=None, begin_after_user_silence_ms=500)
    assert (changed.global_prompt, changed.begin_after_user_silence_ms, changed.nodes) == (None, 500, made.nodes)
    assert made.conversation_flow_id in [flow.conversation_flow_id for flow in flows.list(limit=10).items]
    engine: Any = {"type": "conversation-flow", "conversation_flow_id": made.conversation_flow_id}
    agent = client.agent.create(response_engine=engine, voice_id="11labs-Adrian")
    client.agent.publish(agent.agent_id, version=0)
    assert flows.update(made.conversation_flow_id, start_speaker="user").version == 1
    assert client.agent.retrieve(agent.agent_id).response_engine.to_dict() == {**engine, "version": 0}
    client.agent.delete(agent.agent_id)
    flows.delete(made.conversation_flow_id)
    with pytest.raises(UnprocessableEntityError, match="not found"):
        flows.retrieve(made.conversation_flow_id)


def test_phone_numbers(client: Retell) -> None:
    from retell import UnprocessableEntityError

    engine: Any = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}
    agent = client.agent.create(response_engine=engine, voice_id="v")
    imported = client.phone_number.import_(
        phone_number="+14157774444",
        termination_uri="sip.example.com",
        sip_trunk_auth_username="ada",
        sip_trunk_auth_password="secret",
        inbound_agents=[{"agent_id": agent.agent_id, "agent_version": 0, "weight": 1}],
    )
    assert imported.phone_number_type == "custom"
    assert imported.sip_outbound_trunk_config is not None
    assert imported.sip_outbound_trunk_config.auth_username == "ada"
    assert client.phone_number.retrieve("+14157774444") == imported

    changed = client.phone_number.update("+14157774444", inbound_agents=None, nickname="Office", auth_password="new")
    assert (changed.inbound_agents, changed.nickname) == (None, "Office")

    page = client.phone_number.list(limit=1)
    assert (len(page.items), page.has_more) == (1, True)
    rest = client.phone_number.list(limit=1, pagination_key=page.pagination_key or "")
    assert {page.items[0].phone_number, rest.items[0].phone_number} == {"+14157774444", NUMBER}

    client.phone_number.delete("+14157774444")
    with pytest.raises(UnprocessableEntityError):
        client.phone_number.retrieve("+14157774444")


def test_calls(client: Retell) -> None:
    from retell import BadRequestError

    call = client.call.retrieve(ENDED.call_id)
    assert call.call_type == "phone_call"
    assert call.disconnection_reason == "user_hangup"
    listed = client.call.list(
        limit=10,
        include_total=True,
        filter_criteria={
            "call_status": {"type": "enum", "op": "in", "value": ["ended"]},
            "agent": [{"agent_id": ENDED.agent_id, "version": [0]}],
            "start_timestamp": {"type": "range", "op": "bt", "value": [0, 2**40]},
        },
    )
    assert [item.call_id for item in listed.items] == []
    listed = client.call.list(filter_criteria={"call_id": {"type": "string", "op": "eq", "value": ENDED.call_id}})
    assert [item.call_id for item in listed.items] == [ENDED.call_id]
    client.call.stop(LIVE.call_id)
    with pytest.raises(BadRequestError, match="is not ongoing"):
        client.call.stop(ENDED.call_id)


def test_the_client_really_reads_strictly(client: Retell, base_url: str) -> None:
    """An agent type that the vendor does not have cannot pass; without strictness the client takes it as it is."""
    from retell import APIResponseValidationError, Retell

    engine: Any = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com"}
    with pytest.raises(APIResponseValidationError):
        client.agent.create(response_engine=engine, voice_id="v")
    with Retell(api_key=API_KEY, base_url=base_url, max_retries=0) as lenient:
        made = lenient.agent.create(response_engine=engine, voice_id="v")
        assert lenient.agent.retrieve(made.agent_id).response_engine.model_dump()["type"] == "audio-websocket"


def test_errors_are_the_clients_own_kinds(client: Retell, base_url: str) -> None:
    from retell import AuthenticationError, BadRequestError, Retell, UnprocessableEntityError

    with pytest.raises(BadRequestError) as refused:
        client.agent.create(response_engine={"type": "custom-llm", "llm_websocket_url": "wss://a"}, voice_id="")
    assert refused.value.body == {
        "status": "error",
        "message": 'voice_id: must have at least 1 character, not ""',
        "error_message": 'voice_id: must have at least 1 character, not ""',
    }
    with (
        Retell(api_key="wrong", base_url=base_url, max_retries=0) as stranger,
        pytest.raises(AuthenticationError, match="the API key is wrong"),
    ):
        stranger.agent.retrieve("agent_1")
    with pytest.raises(UnprocessableEntityError, match="call_unknown not found"):
        client.call.retrieve("call_unknown")


def test_older_paths_answer_what_the_newest_client_knows(client: Retell) -> None:
    """It does not call them itself any more; what they answer are the same objects, read as strictly."""
    from retell.types import AgentResponse, PhoneCallResponse, PhoneNumberResponse

    agent = client.agent.create(response_engine={"type": "retell-llm", "llm_id": "llm_1"}, voice_id="v")
    created = client.agent.create_version(agent.agent_id, base_version=0)
    versions = client.get(f"/get-agent-versions/{agent.agent_id}", cast_to=list[AgentResponse])
    assert [version.version for version in versions] == [created.version, 0]
    assert client.post(f"/publish-agent/{agent.agent_id}", cast_to=AgentResponse).is_published
    numbers = client.get("/list-phone-numbers", cast_to=list[PhoneNumberResponse])
    assert NUMBER in {number.phone_number for number in numbers}
    wanted = {"filter_criteria": {"call_id": [ENDED.call_id]}}
    assert [call.call_id for call in client.post("/v2/list-calls", cast_to=list[PhoneCallResponse], body=wanted)] == [
        ENDED.call_id
    ]
    by_query = f"/list-calls?filter_criteria[agent_id]={ENDED.agent_id}"
    assert ENDED.call_id in {call.call_id for call in client.get(by_query, cast_to=list[PhoneCallResponse])}
    assert client.get(f"/get-call/{ENDED.call_id}", cast_to=PhoneCallResponse).call_status == "ended"
    client.agent.delete(agent.agent_id)
