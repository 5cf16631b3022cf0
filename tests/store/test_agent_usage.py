"""What uses agents: numbers by the whole id, calls since a time, and prompts whose model speaks."""

from __future__ import annotations

from typing import Any

from ari_agent.contract.agent import Agent, AgentCreate
from ari_agent.contract.call import Call
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.retell_llm import LlmCreate, LlmUpdate
from ari_agent.store.store import Store

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/audio"}
SPEAKS = 'say "s2s_model":"x"'


async def an_agent(store: Store, engine: dict[str, Any]) -> Agent:
    return await store.agents.create(AgentCreate.model_validate({"response_engine": engine, "voice_id": "v"}))


async def bind(store: Store, number: str, **agents: list[str]) -> None:
    bound = {side: [{"agent_id": each, "weight": 1 / len(ids)} for each in ids] for side, ids in agents.items()}
    fields = {"phone_number": number, "nickname": 'a "agent_id":"agent_9"', "last_modification_timestamp": 1, **bound}
    await store.phone_numbers.create(PhoneNumber.model_validate(fields))


async def test_numbers_count_once_for_each_agent_they_are_bound_to(store: Store) -> None:
    await bind(store, "+14155550101", inbound_agents=["agent_1"], outbound_agents=["agent_1"])
    await bind(store, "+14155550102", inbound_sms_agents=["agent_1", "agent_10"])
    assert await store.agent_usage.number_counts() == {"agent_1": 2, "agent_10": 1}
    found = await store.agent_usage.numbers("agent_1", limit=1)
    assert ([number.phone_number for number in found.first], found.count) == (["+14155550101"], 2)
    assert (await store.agent_usage.numbers("agent_9", limit=1)).count == 0


async def test_calls_count_from_a_time_on(store: Store) -> None:
    for number, (agent_id, began_ms) in enumerate([("agent_1", 10), ("agent_1", 20), ("agent_2", 30), ("agent_3", 40)]):
        record = {"call_id": f"call_{number}", "agent_id": agent_id, "call_status": "ended", "call_type": "web_call"}
        await store.calls.save(Call.model_validate({**record, "start_timestamp": began_ms}))
    assert await store.agent_usage.call_counts(["agent_1", "agent_2"], since_ms=20) == {"agent_1": 1, "agent_2": 1}


async def test_a_prompt_speaks_by_its_setting_in_the_version_that_answers(store: Store) -> None:
    llm = await store.retell_llms.create(LlmCreate(general_prompt=SPEAKS))
    latest = await an_agent(store, {"type": "retell-llm", "llm_id": llm.llm_id})
    fixed = await an_agent(store, {"type": "retell-llm", "llm_id": llm.llm_id})
    agents = [
        latest,
        fixed,
        await an_agent(store, AUDIO),
        await an_agent(store, {"type": "retell-llm", "llm_id": "no"}),
    ]
    assert await store.agent_usage.with_speaking_model(agents) == frozenset()
    await store.agents.publish(fixed.agent_id, None)
    await store.retell_llms.update(llm.llm_id, LlmUpdate(s2s_model="gpt-realtime"))
    published = await store.agents.get(fixed.agent_id)
    assert published
    agents[1] = published
    assert await store.agent_usage.with_speaking_model(agents) == {latest.agent_id}
