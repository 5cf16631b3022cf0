"""The step of a call's trace in which its agent is dialled. Pure: the time is passed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ari_agent.calls.media.call_media import AgentFailed, AgentReady, MediaEvent
from ari_agent.contract.trace import Step, Trace

AGENT: Final = "agent"
"""The step: from when the agent is dialled to when its websocket is open and it knows of the call."""


def traced_agent(
    call_id: str, on_event: Callable[[MediaEvent], None], *, trace: Trace, now_ms: Callable[[], int]
) -> Callable[[MediaEvent], None]:
    """Return what hands every event on to `on_event`, and traces the step when the agent is there, or has failed."""
    began_ms = now_ms()
    waits = True

    def tell(event: MediaEvent) -> None:
        nonlocal waits
        if waits and isinstance(event, AgentReady | AgentFailed):
            waits = False
            error = event.reason.value if isinstance(event, AgentFailed) else None
            trace(Step(call_id, AGENT, began_ms, now_ms(), kind="client", error=error))
        on_event(event)

    return tell
