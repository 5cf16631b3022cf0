from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.dead_webhook import DeadWebhookFilter, DeadWebhookQuery


def test_a_query_string_asks_for_fifty_unless_it_says_how_many() -> None:
    assert DeadWebhookQuery.model_validate({}).limit == 50
    assert DeadWebhookQuery.model_validate({"limit": "7", "pagination_key": "12"}).limit == 7


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"pagination_key": "a"}])
def test_a_query_that_names_no_page_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        DeadWebhookQuery.model_validate(query)


@pytest.mark.parametrize("call_id", ["", "a b", "'; DROP TABLE outbox"])
def test_what_no_id_looks_like_is_refused(call_id: str) -> None:
    with pytest.raises(ValidationError):
        DeadWebhookFilter.model_validate({"call_id": call_id})
