from __future__ import annotations

from ari_agent.contract.workspace import ApiKeyInfo, Concurrency


def test_nothing_can_be_bought() -> None:
    answer = Concurrency(
        current_concurrency=3, concurrency_limit=20, base_concurrency=20, reserved_inbound_concurrency=2
    ).as_json()
    assert (answer["purchased_concurrency"], answer["remaining_purchase_limit"]) == (0, 0)
    assert answer["concurrency_burst_enabled"] is False


def test_the_key_is_named_for_its_setting() -> None:
    assert ApiKeyInfo().as_json()["api_key_name"] == "ARI_AGENT_API_KEY"
