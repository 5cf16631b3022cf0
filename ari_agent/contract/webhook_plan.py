"""Where the webhooks of one call go, and which: kept with its record, so that they outlive the process.

An `agent_override` holds for one call and is saved nowhere else; a call that dies with its process still owes its last
webhooks. The API does not show this.
"""

from __future__ import annotations

from ari_agent.contract.agent import DEFAULT_WEBHOOK_EVENTS, Agent
from ari_agent.contract.parsing.model import ContractModel, Count, Many
from ari_agent.contract.transfer_event import TransferFacts


class WebhookPlan(ContractModel):
    """What the call's agent, as overridden for this call, says of webhooks, and the transfer that is on its way.

    url: as the agent names it, its `{{dynamic_variables}}` not filled in; None: the account's. events: by name.
    timeout_ms: of one attempt. timezone: of times in the URL, an IANA name. transfer: begun, and not over.
    """

    url: str | None = None
    events: Many[str]
    timeout_ms: Count
    timezone: str | None = None
    transfer: TransferFacts | None = None

    @classmethod
    def of(cls, agent: Agent) -> WebhookPlan:
        """Of a call that begins. An agent's `webhook_events` of null means the defaults, an empty list means none."""
        events = DEFAULT_WEBHOOK_EVENTS if agent.webhook_events is None else agent.webhook_events
        return cls(
            url=agent.webhook_url,
            events=tuple(events),
            timeout_ms=agent.webhook_timeout_ms,
            timezone=agent.timezone,
            transfer=None,
        )
