"""The step in which the agent is dialled."""

from __future__ import annotations

import pytest

from ari_agent.calls.media.call_media import AgentFailed, AgentReady, CallerInactive, MediaEvent
from ari_agent.calls.traced_agent import traced_agent
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.trace import Step

FAILED = AgentFailed(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, "refused")


@pytest.mark.parametrize(("outcome", "error"), [(AgentReady(), None), (FAILED, "error_llm_websocket_open")])
def test_it_ends_when_the_agent_is_there_or_has_failed_and_every_event_goes_on(
    outcome: MediaEvent, error: str | None
) -> None:
    steps: list[Step] = []
    events: list[MediaEvent] = []
    clock = iter([100, 250])
    tell = traced_agent("call_1", events.append, trace=steps.append, now_ms=lambda: next(clock))
    told = [CallerInactive(), outcome, FAILED, AgentReady()]
    for event in told:
        tell(event)
    assert events == told
    assert steps == [Step("call_1", "agent", 100, 250, kind="client", error=error)]
