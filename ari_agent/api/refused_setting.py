"""What is refused when an agent is saved, because the speech of its calls could not be as it says."""

from __future__ import annotations

from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.without_effect import in_words, kind_of_engine, refused
from ari_agent.errors import ApiError


def refuse_settings(wanted: AgentCreate | AgentUpdate, before: AnyAgent | None = None) -> None:
    """Refuse what this request asks of an agent's speech and nobody does here; what is stored already is not looked at.

    before: the agent as it is stored, for a request that changes it.

    Raises:
        ApiError: 400; says which settings, and what would be right.
    """
    engine = wanted.response_engine or (before.response_engine if isinstance(before, Agent) else None)
    if engine is not None and (found := refused(wanted, kind_of_engine(engine))):
        raise ApiError(400, in_words(found))
