"""What of a call must outlive its process, so that another one can end it in order: stored beside the call object.

The API shows none of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_options import PiiCategory
from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.webhook_plan import WebhookPlan


@dataclass(frozen=True, slots=True)
class CallRecovery:
    """What a call still owes when it dies with its process.

    webhook_plan: where its webhooks go, and which; None where no agent was chosen. diverted: for want of a slot the
    caller was sent to the fallback number, without us. analysis_plan: what its agent asks about it; None: nothing of
    its own. analysis_due_ms: the call is over, and a model analyses it by then, in milliseconds since 1970.
    pii_categories: the personal data that is to be removed from what was said; None where the agent names none.
    retention_days: how long the agent keeps its calls, from when they began; None: for ever. resume_plan: the JSON of a
    ResumePlan, by which another process goes on with the call; None: it cannot.
    """

    webhook_plan: WebhookPlan | None = None
    diverted: bool = False
    analysis_plan: AnalysisPlan | None = None
    analysis_due_ms: int | None = None
    pii_categories: frozenset[PiiCategory] | None = None
    retention_days: int | None = None
    resume_plan: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, agent: Agent) -> CallRecovery:
        """Of a call that begins. agent: as overridden for this call."""
        return cls(
            WebhookPlan.of(agent),
            analysis_plan=AnalysisPlan.of(agent),
            pii_categories=agent.pii_categories,
            retention_days=agent.data_storage_retention_days,
        )


NO_RECOVERY: Final = CallRecovery()
"""Of a call that is over, or has no agent."""
