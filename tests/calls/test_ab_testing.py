"""Two versions of one agent under one number: which one took a call is on its record."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from ari_agent.calls.record import registered_call
from ari_agent.calls.routing import AgentChoice, Connect, decide, draw
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.phone_number import AgentWeight
from ari_agent.store.call_filter import Filter, FilterField, FilterOp
from ari_agent.store.store import Store

DRAWS, STORED = 10_000, 500


async def test_records_hold_the_weights_of_ten_thousand_drawn_calls(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}")
    await store.open()
    try:
        engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/agent"}
        created = AgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_ab", now_ms=1)
        versions = {0: created, 1: created.model_copy(update={"version": 1})}
        bound = (
            AgentWeight(agent_id="agent_ab", agent_version=0, weight=0.3),
            AgentWeight(agent_id="agent_ab", agent_version=1, weight=0.7),
        )
        dice = random.Random(11)
        drawn: Counter[int | None] = Counter()
        stored: Counter[int | None] = Counter()
        for number in range(DRAWS):
            choice = draw(bound, dice.random())
            assert choice is not None
            assert isinstance(choice.version, int)
            call = registered_call(
                call_id=f"call_{number}",
                agent=versions[choice.version],
                from_number="+14155550100",
                to_number="+14155550199",
                sip_headers={},
                sip_call_id=None,
                dynamic_variables={},
                metadata=None,
            )
            drawn[call.agent_version] += 1
            if number < STORED:
                await store.calls.save(call)
                stored[call.agent_version] += 1
        of_version = {
            version: await store.calls.count([Filter(FilterField.AGENT_VERSION, FilterOp.EQ, version)])
            for version in versions
        }
    finally:
        await store.close()
    # Four standard deviations of a binomial with n = 10000, p = 0.3 are 183.
    assert abs(drawn[0] - 3000) < 183
    assert drawn.total() == DRAWS
    assert of_version == stored


async def test_a_tag_that_the_webhook_or_a_weight_names_is_the_version_it_stands_for(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}")
    await store.open()
    try:
        engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/agent"}
        created = await store.agents.create(AgentCreate.model_validate({"response_engine": engine}))
        await store.agents.assign_tag(created.agent_id, "prod", created.version)
        weighed = draw((AgentWeight(agent_id=created.agent_id, agent_version="prod", weight=1),), 0.5)
        decided = decide(AgentChoice(created.agent_id), InboundWebhookAnswer(override_agent_version="prod"))
        assert isinstance(decided, Connect)
        for choice in (weighed, decided.agent):
            assert choice == AgentChoice(created.agent_id, "prod")
            found = await store.agents.get(choice.agent_id, choice.version)
            assert found is not None
            assert found.version == created.version
        assert await store.agents.get(created.agent_id, "no-such-tag") is None
    finally:
        await store.close()
