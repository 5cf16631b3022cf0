"""A/B tests: a number with several agents draws one for each call or chat, as often as its weight says. Pure.

With `agent_draw=caller` as an argument of Stasis() the draw depends on caller and number alone: who calls again gets
the same agent, and a change of weights moves no more callers than it must.

Source: Retell, "A/B testing" (2026-08).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ari_agent.contract.phone_number import AgentWeight
from ari_agent.routing.agent_choice import AgentChoice


def draw(agents: Sequence[AgentWeight], dice: float) -> AgentChoice | None:
    """Draw one agent, each with the probability of its weight. dice: uniform in [0, 1). None: no agent is bound."""
    if not agents:
        return None
    mark = dice * sum(agent.weight for agent in agents)
    for agent in agents:
        mark -= agent.weight
        if mark < 0:
            return AgentChoice(agent.agent_id, agent.agent_version)
    return AgentChoice(agents[-1].agent_id, agents[-1].agent_version)


def sticky_dice(caller: str, number: str) -> float:
    """Make dice for `draw` that fall the same way whenever this caller calls this number.

    Over many callers they are uniform in [0, 1).
    """
    digest = hashlib.sha256(f"{number}\n{caller}".encode(errors="replace")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
