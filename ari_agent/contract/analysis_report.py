"""How an analysis by a model came about: no part of Retell's objects."""

from __future__ import annotations

from ari_agent.contract.parsing.model import ContractModel, Count, StringMap


class AnalysisUsage(ContractModel):
    """What one analysis has used of its model: requests, failed ones too, and tokens as the model's server counts."""

    requests: Count = 0
    prompt_tokens: Count = 0
    completion_tokens: Count = 0


class AnalysisReport(ContractModel):
    """How the analysis of a call or chat by a model went.

    model: that was asked last. failure: why it has answered nothing that could be used. left_out: the fields that are
    not the model's, each with the reason; `transcript` where only a part of the conversation was read.
    """

    model: str | None = None
    usage: AnalysisUsage = AnalysisUsage()
    failure: str | None = None
    left_out: StringMap | None = None
