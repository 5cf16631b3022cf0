"""What the pages of numbers ask beside the database: agents as they would answer, trunks, and two kinds of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ari_agent.calls.bound_agents import BoundAgents
from ari_agent.calls.dial_trial import DialTrials
from ari_agent.calls.webhook_trial import WebhookTrials
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.trunk_status import TrunkStatus


class TrunkStates(Protocol):
    """Asks Asterisk how trunks are."""

    async def states(self, numbers: Sequence[PhoneNumber], *, now_ms: int) -> Mapping[str, TrunkStatus]:
        """Return how the trunks of these numbers are, by number; those without a trunk are left out."""


@dataclass(frozen=True, slots=True)
class NumberTools:
    """Everything that the pages of numbers ask. trunks: None where there is no Asterisk."""

    bound: BoundAgents
    webhooks: WebhookTrials
    dials: DialTrials
    trunks: TrunkStates | None = None
