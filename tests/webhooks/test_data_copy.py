from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.webhooks.data_copy import with_data_copy

CALL = {"call_id": "call_1", "transcript": 'a "}" \\ ü \u2028', "metadata": {"1": {"data": [{}]}}, "rate": 5e-05}


@pytest.mark.parametrize("beside", [{}, {"transcript_with_tool_calls": [], "transfer_destination": {"number": "}"}}])
def test_data_is_the_last_key_and_the_rest_stays_byte_for_byte(beside: dict[str, Any]) -> None:
    body = compact_json({"event": "call_ended", "call": CALL, **beside})
    copied = with_data_copy(body)
    assert copied.startswith(body[:-1])
    assert json.loads(copied) == {"event": "call_ended", "call": CALL, **beside, "data": CALL}
    assert compact_json(json.loads(copied)) == copied


@pytest.mark.parametrize("body", [b"{}", b"", b'{"event":"chat_ended","chat":{"call":{}}}', b'{"call":{}}'])
def test_what_is_not_about_a_call_stays_as_it_is(body: bytes) -> None:
    assert with_data_copy(body) == body
