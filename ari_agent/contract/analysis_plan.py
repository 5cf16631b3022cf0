"""What the agent of a call asks about it once it is over."""

from __future__ import annotations

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_options import PostCallAnalysis
from ari_agent.contract.parsing.model import ContractModel, Flag, Identifier, Many


class AnalysisPlan(ContractModel):
    """What the agent of a call, as overridden for this call, asks about it: kept with its record.

    items, model: its `post_call_analysis_data` and `post_call_analysis_model`. in_voicemail: an answering machine has
    taken the call.
    """

    items: Many[PostCallAnalysis] = ()
    model: Identifier | None = None
    in_voicemail: Flag = False

    @classmethod
    def of(cls, agent: Agent) -> AnalysisPlan | None:
        """Return the plan of a call that begins; None where its agent asks for nothing of its own."""
        items, model = agent.post_call_analysis_data or (), agent.post_call_analysis_model
        return cls(items=items, model=model) if items or model else None
