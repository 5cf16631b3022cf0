"""What a warm transfer consists of, as it was asked for: who says which message. Pure.

    wanted            text to speech is set up          it is not
    static_message    it says it                        an audio agent says it
    prompt            an audio agent says it            an audio agent says it

A text agent is asked for answers to its caller alone, so it cannot be given a prompt.
"""

from __future__ import annotations

from collections.abc import Callable

from ari_agent.calls.transfer.handoff import Phase, Plan, Speaker
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.transfer_option import HandoffMessage, HandoffPrompt
from ari_agent.errors import CallError


class HandoffNotSpoken(CallError):
    """Raised when there is nobody who could say a message of a warm transfer: the transfer fails before it begins."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


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
            raise HandoffNotSpoken(
                f"{name} is a prompt, which only an audio agent can speak about; give a static_message"
            )
        return Speaker.AGENT

    return Plan(
        detects=not request.opt_out_human_detection,
        private=speaker("private_handoff_option", request.private_handoff_option),
        public=speaker("public_handoff_option", request.public_handoff_option),
        cue=request.enable_bridge_audio_cue,
    )


def agentic_plan(request: TransferRequest, *, has_voice: bool) -> Plan:
    """Return what an agentic warm transfer consists of. has_voice: text to speech is set up.

    Raises:
        HandoffNotSpoken: there is a message for both, and no text to speech to say it.
    """
    option = request.public_handoff_option
    if option is not None and not (has_voice and isinstance(option, HandoffMessage)):
        raise HandoffNotSpoken(
            "public_handoff_option of an agentic_warm transfer is said by text to speech alone: give a static_message, "
            "and set ARI_AGENT_TEXT_TO_SPEECH"
        )
    public = Speaker.VOICE if option else None
    return Plan(detects=False, consults=True, public=public, cue=request.enable_bridge_audio_cue)


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
