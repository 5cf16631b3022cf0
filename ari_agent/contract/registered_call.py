"""Calls that are registered first and begin when their caller joins: requests, answers, and what is stored meanwhile.

Source: Retell, "Register Call" (deprecated, still in use), "Register Phone Call" and "Create Web Call" (2026-08).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    AgentVersionReference,
    ContractModel,
    Flag,
    Identifier,
    Many,
    Metadata,
    Strings,
    Timestamp,
    Variables,
)
from ari_agent.contract.response_engine import PromptEngine

MULAW_HZ: Final = 8000
"""The only sample rate of G.711."""

Protocol = Literal["web", "twilio"]
Encoding = Literal["s16le", "mulaw"]
SampleRate = Annotated[int, Field(strict=True, ge=8000, le=48000), INTEGRAL]
TrackedNumber = Annotated[str, Field(max_length=256)]
"""A number that is stored and never dialled, so that any text may stand for it."""
EndAfterSilence = Annotated[int, Field(strict=True, ge=10_000, le=2**31 - 1), INTEGRAL]


class AudioFormat(ContractModel):
    """The format of the audio on an audio websocket, the same in both directions: mono, without a header."""

    audio_websocket_protocol: Protocol
    audio_encoding: Encoding
    sample_rate: SampleRate

    @model_validator(mode="after")
    def _check_mulaw(self) -> Self:
        if self.audio_encoding == "mulaw" and self.sample_rate != MULAW_HZ:
            raise ValueError(f"sample_rate must be {MULAW_HZ} with audio_encoding mulaw, is {self.sample_rate}")
        return self


class CallRegister(AudioFormat):
    """Body of POST /register-call.

    end_call_after_silence_ms: used instead of the agent's. from_number, to_number, direction: stored with the call and
    not used otherwise.
    """

    agent_id: Identifier
    end_call_after_silence_ms: EndAfterSilence | None = None
    from_number: TrackedNumber | None = None
    to_number: TrackedNumber | None = None
    direction: CallDirection | None = None
    metadata: Metadata | None = None
    retell_llm_dynamic_variables: Variables | None = None

    @property
    def audio(self) -> AudioFormat:
        """The audio format alone, without the rest of the request."""
        return AudioFormat(
            audio_websocket_protocol=self.audio_websocket_protocol,
            audio_encoding=self.audio_encoding,
            sample_rate=self.sample_rate,
        )


class RegisteredCall(CallRegister):
    """Answer of POST /register-call. call_id: the id of the call, with which the caller opens its audio websocket."""

    call_id: Identifier
    call_status: CallStatus
    drop_call_if_machine_detected: Flag = False
    opt_out_sensitive_data_storage: Flag = False


class _AgentCall(ContractModel):
    """What requests of API version 2 have in common: which agent speaks, and what it is told."""

    agent_id: Identifier
    agent_version: AgentVersionReference | None = None
    agent_override: AgentOverride | None = None
    metadata: Metadata | None = None
    retell_llm_dynamic_variables: Variables | None = None


class PhoneCallRegister(_AgentCall):
    """Body of POST /v2/register-phone-call. from_number, to_number, direction: stored with the call and not used."""

    from_number: TrackedNumber | None = None
    to_number: TrackedNumber | None = None
    direction: CallDirection | None = None


class WebCallCreate(_AgentCall):
    """Body of POST /v2/create-web-call and /v3/create-web-call.

    current_node_id, current_state: where an agent of Retell's own kinds begins; other agents have no such places.
    """

    current_node_id: str | None = None
    current_state: str | None = None


class IceServer(ContractModel):
    """A STUN or TURN server (W3C WebRTC, RTCIceServer)."""

    urls: str | Strings
    username: str | None = None
    credential: str | None = None


class WebCallTicket(ContractModel):
    """Answer of POST /v3/create-web-call. expires_at: until when the call can be joined, in milliseconds since 1970."""

    access_token: str = Field(repr=False)
    call_id: Identifier
    expires_at: Timestamp
    ice_servers: Many[IceServer] = ()
    transport: Literal["gateway"] = "gateway"


class Registration(ContractModel):
    """What the database stores of a registered call until its caller joins; taking it out begins the call.

    agent: as it was at the registration, with its override applied. audio: None if the first message of the audio
    websocket decides. end_call_after_silence_ms: used instead of the agent's. expires_ms: until when the call can be
    joined, in milliseconds since 1970. overdue: why the call ends if nobody has joined by then.
    """

    call_id: Identifier
    agent: Agent
    audio: AudioFormat | None = None
    end_call_after_silence_ms: EndAfterSilence | None = None
    expires_ms: Timestamp
    overdue: DisconnectionReason = DisconnectionReason.REGISTERED_CALL_TIMEOUT

    def as_record(self) -> dict[str, Any]:
        """The object as the database stores it, with what the call changes of its agent's prompt or flow."""
        record = super().as_record()
        engine = self.agent.response_engine
        if isinstance(engine, PromptEngine) and engine.override:  # no part of the API, so of no agent's JSON
            record["agent"]["response_engine"]["override"] = dict(engine.override)
        return record
