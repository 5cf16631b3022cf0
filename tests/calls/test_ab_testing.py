"""Who answers, by tag. That weights hold over the records of many calls is tested in tests/api."""

from __future__ import annotations

from pathlib import Path

from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.phone_number import AgentWeight
from ari_agent.routing.ab_weights import draw
from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.inbound_decision import Connect, decide
from ari_agent.store.store import Store


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
