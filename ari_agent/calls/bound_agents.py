"""The agents that a number names, as they would answer now: which version that is, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ari_agent.calls.bound_agent import USES, Bound, BoundAgent
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.phone_number import AgentWeight, PhoneNumber
from ari_agent.contract.response_engine import PromptEngine
from ari_agent.errors import AgentNotUsable, UnknownAgent
from ari_agent.routing.agent_choice import AgentChoice, Serves, prepare_for_call, prepare_for_text
from ari_agent.store.agents import AgentKey
from ari_agent.store.store import Store


class BoundAgents:
    """Looks the agents of numbers up. serves, serves_texts: which kinds of agents can take calls, and texts, here."""

    def __init__(self, store: Store, *, serves: Serves, serves_texts: Serves) -> None:
        self._store = store
        self._serves, self._serves_texts = serves, serves_texts

    async def of(self, numbers: Sequence[PhoneNumber], *, most: int = 100) -> Sequence[Mapping[str, Bound]]:
        """Return the agents of each number, by those of USES that it has agents for, each as it would answer now.

        most: of one number and use, the first ones.

        Raises:
            StoreError: the database does not tell.
        """
        weights = [named for number in numbers for use in USES for named in (getattr(number, use) or ())[:most]]
        keys = list(dict.fromkeys((named.agent_id, named.agent_version) for named in weights))
        found = await self._store.agents.each(keys)
        missing = {key: await self._missing_engine(agent) for key, agent in found.items()}
        return [
            {
                use: Bound([self._bound(use, one, found, missing, named) for one in named[:most]], len(named))
                for use in USES
                if (named := getattr(number, use) or ())
            }
            for number in numbers
        ]

    async def _missing_engine(self, agent: AnyAgent) -> str | None:
        engine = agent.response_engine
        return await self._store.missing_engine(engine) if isinstance(engine, PromptEngine) else None

    def _bound(
        self,
        use: str,
        named: AgentWeight,
        found: Mapping[AgentKey, AnyAgent],
        missing: Mapping[AgentKey, str | None],
        weights: Sequence[AgentWeight],
    ) -> BoundAgent:
        key = named.agent_id, named.agent_version
        agent = found.get(key)
        problem = self._problem(use, agent, AgentChoice(*key))
        if not problem and (gone := missing.get(key)):
            problem = f"agent {named.agent_id} answers by {gone}, which does not exist"
        total = sum(each.weight for each in weights)
        return BoundAgent(named.agent_id, named.agent_version, named.weight / total, agent, problem)

    def _problem(self, use: str, agent: AnyAgent | None, choice: AgentChoice) -> str:
        try:
            if "sms" in use:
                prepare_for_text(agent, choice, serves=self._serves_texts)
            else:
                prepare_for_call(agent if isinstance(agent, Agent) else None, choice, None, serves=self._serves)
        except (UnknownAgent, AgentNotUsable) as error:
            return str(error)
        return ""
