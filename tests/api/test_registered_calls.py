"""Registering calls over the API, and what get-call tells of them at each moment."""

from __future__ import annotations

import pytest

from ari_agent.calls.record_writer import RecordWriter
from tests.api.conftest import make_agent, refused
from tests.api.web_house import NOW_MS, TWILIO, WEB, House, Json
from tests.fakes.agent_server import Refusal
from tests.fakes.web_client import WebFrontEnd

pytestmark = pytest.mark.slow

REGISTRATIONS: list[tuple[str, Json]] = [
    ("/register-call", WEB),
    ("/v2/register-phone-call", {}),
    ("/v2/create-web-call", {}),
    ("/v3/create-web-call", {}),
]


async def test_get_call_tells_the_status_at_each_moment(house: House) -> None:
    agent, dead = house.agents.agent(), house.agents.agent(refusal=Refusal(503))
    call_id, failing, overdue = [await house.register(each) for each in (agent, dead, agent)]
    for path in ("/v2/get-call", "/get-call"):
        record = await (await house.api.get(f"{path}/{call_id}")).json()
        assert (record["call_status"], "start_timestamp" in record) == ("registered", False)
    house.clock["now_ms"] += 1000
    async with WebFrontEnd(house.url(call_id)):
        await agent.call()
        record = await house.call(call_id)
        assert (record["call_status"], record["start_timestamp"]) == ("ongoing", NOW_MS + 1000)
        assert "end_timestamp" not in record
        house.clock["now_ms"] += 1000
    record = await house.ended(call_id)
    assert (record["call_status"], record["duration_ms"]) == ("ended", 1000)
    async with WebFrontEnd(house.url(failing)) as browser:
        await browser.gone()
    assert (await house.ended(failing))["call_status"] == "error"
    house.clock["now_ms"] = NOW_MS + 300_000
    async with WebFrontEnd(house.url(overdue)) as late:
        assert await late.gone() == (1008, "the call has just been joined, or waited too long")
    await house.registrar.end_overdue()
    record = await house.call(overdue)
    assert (record["call_status"], record["disconnection_reason"]) == ("error", "registered_call_timeout")
    async with WebFrontEnd(house.url(overdue)) as later:
        assert await later.gone() == (1008, "the call has ended: registered_call_timeout")


@pytest.mark.parametrize(("path", "body"), REGISTRATIONS)
@pytest.mark.parametrize(
    "engine",
    [
        {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"},
        {"type": "retell-llm", "llm_id": "llm_1"},
        {"type": "conversation-flow", "conversation_flow_id": "flow_1"},
    ],
    ids=lambda engine: engine["type"],
)
async def test_a_call_to_an_agent_that_takes_none_is_not_registered(
    house: House, path: str, body: Json, engine: Json
) -> None:
    agent = await make_agent(house.api, response_engine=engine, voice_id="voice")
    response = await house.api.post(path, json={"agent_id": agent["agent_id"], **body})
    assert await refused(response, 400) == (
        f"agent {agent['agent_id']} has a response_engine of type {engine['type']}, "
        "which takes no calls; set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or use audio-websocket"
    )


async def test_web_calls_wait_as_long_as_their_ticket_says(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    ticket = await house.post("/v3/create-web-call", {"agent_id": agent_id})
    assert ticket["transport"] == "gateway"
    assert ticket["ice_servers"] == []
    assert ticket["expires_at"] == NOW_MS + 30_000
    house.clock["now_ms"] = ticket["expires_at"]
    async with WebFrontEnd(house.url(ticket["call_id"])) as late:
        assert (await late.gone())[0] == 1008
    await house.registrar.end_overdue()
    assert (await house.call(ticket["call_id"]))["disconnection_reason"] == "error_user_not_joined"


async def test_registered_calls_outlive_a_restart(house: House) -> None:
    call_id = await house.register(house.agents.agent())
    assert await RecordWriter(house.store, account_webhook_url=None).close_abandoned(NOW_MS) == 0
    assert (await house.call(call_id))["call_status"] == "registered"


@pytest.mark.parametrize(
    "wrong",
    [
        {"audio_websocket_protocol": "sip"},
        {"audio_encoding": "opus"},
        {"sample_rate": 7999},
        {"sample_rate": 48001},
        {"sample_rate": "8000"},
        {"audio_encoding": "mulaw", "sample_rate": 16000},
        {"end_call_after_silence_ms": 9999},
        {"direction": "sideways"},
        {"metadata": "text"},
        {"retell_llm_dynamic_variables": {"a": 1}},
        {"from_number": 5},
    ],
)
async def test_a_wrong_registration_is_refused(house: House, wrong: Json) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    answer = await house.post("/register-call", {"agent_id": agent_id, **WEB, **wrong}, expect=400)
    assert next(iter(wrong)) in answer["message"] or "sample_rate" in answer["message"]


async def test_a_registration_for_an_unknown_agent_is_refused(house: House) -> None:
    for path, body in (
        ("/register-call", WEB),
        ("/v2/register-phone-call", {}),
        ("/v2/create-web-call", {}),
        ("/v3/create-web-call", {"agent_version": 7}),
    ):
        await house.post(path, {"agent_id": "agent_unknown", **body}, expect=422)


async def test_a_registration_answers_all_of_itself(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    asked: Json = {
        "agent_id": agent_id,
        **TWILIO,
        "end_call_after_silence_ms": 20_000,
        "from_number": "a",
        "to_number": "b",
        "direction": "inbound",
        "metadata": {"a": [1]},
        "retell_llm_dynamic_variables": {"name": "Bob"},
    }
    answer = await house.post("/register-call", {**asked, "end_after_silence_ms": 5, "unknown": None})
    call_id = answer.pop("call_id")
    assert answer == {
        **asked,
        "call_status": "registered",
        "drop_call_if_machine_detected": False,
        "opt_out_sensitive_data_storage": False,
    }
    record = await house.call(call_id)
    assert {name: record[name] for name in asked} == asked
    assert record["call_type"] == "phone_call"


async def test_an_override_holds_for_its_call_alone(house: House) -> None:
    first, second = house.agents.agent(), house.agents.agent()
    agent_id = await house.agent_id(first)
    override = {"agent": {"response_engine": second.engine}}
    made = await house.post("/v2/create-web-call", {"agent_id": agent_id, "agent_override": override})
    async with WebFrontEnd(house.url(made["call_id"])):
        await second.call()
    assert first.attempts == 0
    await house.post(
        "/v2/register-phone-call",
        {"agent_id": agent_id, "agent_override": {"agent": {"stt_mode": "custom"}}},
        expect=400,
    )
