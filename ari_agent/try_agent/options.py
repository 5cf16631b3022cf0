"""What a trial call is asked for on the command line, and the specification of the call that it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ValidationError

from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from ari_agent.calls.media.call_media import MediaSpec

TrialProtocol = Literal["twilio", "web", "llm"]

# Numbers that no subscriber has: 555-0100 to 555-0199 are kept for examples.
FROM_NUMBER: Final = "+12025550123"
TO_NUMBER: Final = "+12025550100"
_NEVER_MS: Final = 3_600_000
_VOICE_ID: Final = "flite-slt"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take in a trial call, in seconds.

    greeting_s, key_s: how long a greeting, and a reaction to a key, are waited for. hold_s: how long the call is held.
    quiet_s: silence after which the agent counts as done speaking. longest_answer_s: it is not listened to for longer.
    speaks_for_s: how long it speaks before it is interrupted. stops_s: how long it is listened to after that.
    """

    greeting_s: float = 4.0
    key_s: float = 2.0
    hold_s: float = 2.0
    quiet_s: float = 0.8
    longest_answer_s: float = 12.0
    speaks_for_s: float = 0.6
    stops_s: float = 1.5


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How an agent is to be tried.

    headers, auth_token, subprotocols: of an audio agent's handshake. variables: the call's dynamic variables.
    encoding, rate_hz: of an audio agent; None for the protocol's own. key: one of `0-9 A-D * #`, which is pressed.
    patience_s: how long the agent may take for an answer. connect_timeout_s: for the whole handshake.
    """

    url: str
    protocol: TrialProtocol = "twilio"
    headers: Mapping[str, str] = field(default_factory=dict)
    auth_token: str | None = field(default=None, repr=False)
    subprotocols: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    rate_hz: int | None = None
    key: str = "1"
    patience_s: float = 10.0
    connect_timeout_s: float = 10.0
    pace: Pace = field(default_factory=Pace)

    def engine(self) -> AudioWebsocketEngine | CustomLlmEngine:
        """Return what answers in the call, checked as create-agent checks it. Raises: ConfigurationError."""
        extras = {
            "audio_websocket_headers": dict(self.headers),
            "audio_websocket_auth_token": self.auth_token,
            "audio_websocket_subprotocols": list(self.subprotocols),
            "audio_encoding": self.encoding,
            "sample_rate": self.rate_hz,
        }
        given: dict[str, Any] = {name: value for name, value in extras.items() if value not in (None, [], {})}
        if self.protocol == "llm":
            if given:
                raise ConfigurationError(f"a text agent has no {', '.join(given)}: they are for audio agents alone")
            given = {"type": "custom-llm", "llm_websocket_url": self.url}
        else:
            given |= {
                "type": "audio-websocket",
                "audio_websocket_url": self.url,
                "audio_websocket_protocol": self.protocol,
            }
        model = CustomLlmEngine if self.protocol == "llm" else AudioWebsocketEngine
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(explain(error, given, root="options")) from None

    def spec(self, call_id: str, now_ms: int) -> MediaSpec:
        """Return the specification of the call. now_ms: its time, since 1970. Raises: ConfigurationError."""
        # Every other command would wait for these, because all of them know the arguments of this one.
        from ari_agent.calls.media.call_media import MediaSpec  # noqa: PLC0415
        from ari_agent.contract.agent import Agent  # noqa: PLC0415
        from ari_agent.contract.call import Call  # noqa: PLC0415

        engine = self.engine()
        agent = Agent(
            agent_id="agent_trial", response_engine=engine, voice_id=_VOICE_ID, last_modification_timestamp=now_ms
        )
        call = Call.model_validate(
            {
                "call_id": call_id,
                "agent_id": agent.agent_id,
                "call_status": CallStatus.ONGOING,
                "direction": "inbound",
                "from_number": FROM_NUMBER,
                "to_number": TO_NUMBER,
                "retell_llm_dynamic_variables": dict(self.variables),
                "start_timestamp": now_ms,
            }
        )
        return MediaSpec(
            call_id=call_id,
            from_number=FROM_NUMBER,
            to_number=TO_NUMBER,
            direction="inbound",
            engine=engine,
            dynamic_variables=self.variables,
            metadata=None,
            end_call_after_silence_ms=_NEVER_MS,
            allow_user_dtmf=True,
            connect_timeout_s=self.connect_timeout_s,
            no_audio_after_s=_NEVER_MS / 1000,
            agent=agent,
            call=call,
        )
