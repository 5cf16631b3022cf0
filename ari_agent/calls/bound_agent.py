"""An agent that a number names, as it would answer now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.chat_agent import AnyAgent

USES: Final = ("inbound_agents", "outbound_agents", "inbound_sms_agents", "outbound_sms_agents")
"""The fields of a number that name agents."""


@dataclass(frozen=True, slots=True)
class BoundAgent:
    """An agent of a number.

    share: of the calls or texts that it gets, from 0 to 1. named: its version as the number names it, None for the
    latest. agent: that would answer now; None where there is none. problem: why it cannot, in words; "" where it can.
    """

    agent_id: str
    named: int | str | None
    share: float
    agent: AnyAgent | None
    problem: str

    @property
    def label(self) -> str:
        """The agent's name for people, or its id."""
        return (self.agent and self.agent.agent_name) or self.agent_id


@dataclass(frozen=True, slots=True)
class Bound:
    """The agents of a number for one use: the first ones, and how many there are."""

    first: Sequence[BoundAgent]
    count: int
