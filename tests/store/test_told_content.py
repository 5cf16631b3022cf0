"""What a webhook that waits tells once its call or chat may hold less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.store.told_content import no_more_than

OPTION = {"type": "warm_transfer", "privateHandoffOption": {"type": "static_message", "message": "card 4111"}}


def left(told: dict[str, Any], known: dict[str, Any]) -> dict[str, Any] | None:
    body = no_more_than(json.dumps(told).encode(), known)
    return None if body is None else dict(json.loads(body))


@pytest.mark.parametrize("subject", ["call", "chat"])
def test_what_the_record_lost_goes_and_what_it_holds_scrubbed_is_scrubbed(subject: str) -> None:
    told = {"metadata": {"card": "4111"}, "transcript": "User: 4111", "agent_id": "a", "chat_analysis": {}}
    known = {"metadata": {"card": "[credit_card]"}, "agent_id": "b", "recording_url": "https://a.example/r"}
    expected = {"metadata": {"card": "[credit_card]"}, "agent_id": "a"}
    assert left({"event": "call_ended", subject: told}, known) == {"event": "call_ended", subject: expected}


def test_what_tells_no_more_than_the_record_stays_as_it_is() -> None:
    told = {"event": "call_started", "call": {"call_id": "call_1", "metadata": {"a": 1}}}
    assert left(told, {"metadata": {"a": 1}, "transcript": "User: 4111"}) is None
    assert left({"event": "call_started", "call": "unreadable"}, {}) is None


def test_a_transcript_beside_the_call_is_that_of_the_record() -> None:
    told = {"event": "transcript_updated", "call": {}, "transcript_with_tool_calls": [{"role": "user"}]}
    assert left(told, {}) == {**told, "transcript_with_tool_calls": []}
    kept = [{"role": "agent"}]
    assert left(told, {"transcript_with_tool_calls": kept}) == {**told, "transcript_with_tool_calls": kept}


def test_what_the_target_of_a_transfer_was_told_is_told_until_the_call_is_over() -> None:
    told = {"event": "transfer_started", "call": {}, "transfer_option": OPTION}
    assert left(told, {"call_status": "ongoing"}) is None
    assert left(told, {"call_status": "ended"}) == {**told, "transfer_option": {"type": "warm_transfer"}}
