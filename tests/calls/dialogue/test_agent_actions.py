"""What the platform does for the agent, in the transcript."""

from __future__ import annotations

import pytest

from ari_agent.agents.llm import EndCall, PressDigits, TransferTo
from ari_agent.calls.dialogue.agent_actions import MOST_RETRIES, AgentActions
from ari_agent.calls.dialogue.orders import HangUp, Order, Press, Transfer
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript


@pytest.mark.parametrize(
    ("action", "order", "arguments"),
    [
        (EndCall(), HangUp(), "{}"),
        (TransferTo("+1555"), Transfer("+1555"), '{"transfer_number": "+1555"}'),
        (TransferTo("+1555", True), Transfer("+1555", shows_caller=True), '{"transfer_number": "+1555"}'),
        (PressDigits("12#"), Press("12#"), '{"digit": "12#"}'),
    ],
)
def test_an_action_is_an_order_and_stands_in_the_transcript(
    action: EndCall | TransferTo | PressDigits, order: Order, arguments: str
) -> None:
    transcript = SpokenTranscript()
    assert AgentActions(transcript).begin(action) == order
    assert transcript.items_json()[0]["arguments"] == arguments


def test_a_result_belongs_to_the_last_action() -> None:
    transcript = SpokenTranscript()
    actions = AgentActions(transcript)
    actions.begin(PressDigits("1"))
    actions.begin(TransferTo("1"))
    assert not actions.ended("succeeded", successful=True)
    invocation, result = transcript.items_json()[1:]
    assert invocation["tool_call_id"] == result["tool_call_id"] == "transfer_call_2"
    assert (result["content"], result["successful"]) == ("succeeded", True)


def test_after_a_failure_the_agent_is_asked_a_few_times_and_then_not_before_the_user_speaks() -> None:
    actions = AgentActions(SpokenTranscript())
    asked = [actions.ended("busy", successful=False) for _ in range(MOST_RETRIES + 2)]
    assert asked == [True] * MOST_RETRIES + [False] * 2
    actions.user_spoke()
    assert actions.ended("busy", successful=False)
