"""What a warm transfer consists of, as it was asked for: who says which message. Pure.

    wanted            text to speech is set up          it is not
    static_message    it says it                        an audio agent says it
    prompt            an audio agent says it            an audio agent says it

A text agent is asked for answers to its caller alone, so it cannot be given a prompt.
"""

from __future__ import annotations

from collections.abc import Callable

from ari_agent.calls.handoff import Phase, Plan, Speaker
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.transfer_option import HandoffMessage, HandoffPrompt
from ari_agent.errors import CallError


class HandoffNotSpoken(CallError):
    """Raised when there is nobody who could say a message of a warm transfer: the transfer fails before it begins."""

    def __init__(self, option: str) -> None:
        super().__init__(f"{option} is a prompt, which only an audio agent can speak about; give a static_message")


def handoff_plan(request: TransferRequest, *, has_voice: bool, agent_speaks: bool) -> Plan:
    """Return what a warm transfer consists of.

    has_voice: text to speech is set up. agent_speaks: the agent is an audio agent, which is told and speaks by itself.

    Raises:
        HandoffNotSpoken: a message can be said by nobody.
    """

    def speaker(name: str, option: HandoffPrompt | HandoffMessage | None) -> Speaker | None:
        if option is None:
            return None
        if has_voice and isinstance(option, HandoffMessage):
            return Speaker.VOICE
        if not agent_speaks:
            raise HandoffNotSpoken(name)
        return Speaker.AGENT

    return Plan(
        detects=not request.opt_out_human_detection,
        private=speaker("private_handoff_option", request.private_handoff_option),
        public=speaker("public_handoff_option", request.public_handoff_option),
        cue=request.enable_bridge_audio_cue,
    )


def option_of(request: TransferRequest, phase: Phase) -> HandoffPrompt | HandoffMessage | None:
    """Return what is to be said in a phase; None where nothing is."""
    return {Phase.PRIVATE: request.private_handoff_option, Phase.PUBLIC: request.public_handoff_option}.get(phase)


def with_messages_filled(request: TransferRequest, fill: Callable[[str], str]) -> TransferRequest:
    """Return the request with `fill` applied to both messages. fill: replaces the `{{name}}` of known variables."""
    return request.model_copy(
        update={
            "private_handoff_option": _filled(request.private_handoff_option, fill),
            "public_handoff_option": _filled(request.public_handoff_option, fill),
        }
    )


def _filled(
    option: HandoffPrompt | HandoffMessage | None, fill: Callable[[str], str]
) -> HandoffPrompt | HandoffMessage | None:
    match option:
        case HandoffPrompt(prompt=prompt):
            return option.model_copy(update={"prompt": fill(prompt)})
        case HandoffMessage(message=message):
            return option.model_copy(update={"message": fill(message)})
    return None
