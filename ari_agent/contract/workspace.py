"""The workspace: how many calls may run at once, and whose API key it is (Retell, 2026-08)."""

from __future__ import annotations

from ari_agent.contract.parsing.model import ContractModel, Count, Flag


class Concurrency(ContractModel):
    """Answer of GET /get-concurrency, in calls. The limit is a setting here, so that none can be bought."""

    current_concurrency: Count
    concurrency_limit: Count
    base_concurrency: Count
    purchased_concurrency: Count = 0
    concurrency_purchase_limit: Count = 0
    remaining_purchase_limit: Count = 0
    reserved_inbound_concurrency: Count
    concurrency_burst_enabled: Flag = False
    concurrency_burst_limit: Count = 0


class ApiKeyInfo(ContractModel):
    """Answer of GET /get-api-key-info: the one workspace and the one API key that there are."""

    org_id: str = "org_ari_agent"
    org_name: str = "ari-agent"
    api_key_name: str = "ARI_AGENT_API_KEY"
