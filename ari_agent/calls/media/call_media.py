"""What the media half of a call is told, and what it tells: plain values, and the interface that a call's media offers.

A MediaSpec goes in, then commands; MediaEvents come out, handed to `on_event` in the event loop's thread. At most one
of AgentHungUp and AgentFailed is ever reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Latency
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.contract.transcript import TranscriptItem, TranscriptUpdate


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """What a media session must know of its call.

    end_call_after_silence_ms: silence of both sides that ends the call. connect_timeout_s: for the agent's TCP, TLS
    and websocket handshakes together. metadata: any JSON value, handed to the agent. agent, details: its settings, and
    the call object as it is when it is asked for; a text agent's alone.
    """

    call_id: str
    from_number: str
    to_number: str
    direction: str
    engine: AudioWebsocketEngine | CustomLlmEngine
    dynamic_variables: Mapping[str, str]
    metadata: object | None
    end_call_after_silence_ms: int
    allow_user_dtmf: bool
    connect_timeout_s: float = 10.0
    agent: Agent | None = None
    details: Callable[[], Mapping[str, object]] = dict


@dataclass(frozen=True, slots=True)
class AgentReady:
    """The agent's websocket is open and has been told about the call."""


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """The agent cannot be reached, was lost, or talks nonsense. message: for logs; holds no secrets."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """The agent ended the call. What it said before may still be playing: `close(drain=True)`."""

    q850_cause: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The agent wants the caller elsewhere; answer with `transfer_result` or `control_error`."""

    request: TransferRequest


@dataclass(frozen=True, slots=True)
class DtmfAsked:
    """The agent wants keys pressed towards the caller."""

    request: DtmfRequest


@dataclass(frozen=True, slots=True)
class TranscriptTold:
    """What was said so far. items: and done, where more than speech is known of it."""

    update: TranscriptUpdate
    items: Sequence[TranscriptItem] | None = None


@dataclass(frozen=True, slots=True)
class KeyHeard:
    """The caller pressed a key that is for the agent."""

    digit: str


@dataclass(frozen=True, slots=True)
class CallerInactive:
    """Neither side spoke for end_call_after_silence_ms."""


@dataclass(frozen=True, slots=True)
class NoAudioReceived:
    """Nothing at all was heard of the caller's side for a long time after the start."""


@dataclass(frozen=True, slots=True)
class FrontEndCorrupt:
    """The front end of a web call sent what its protocol does not know. message: what was wrong."""

    message: str


MediaEvent: TypeAlias = (
    AgentReady
    | AgentFailed
    | AgentHungUp
    | TransferAsked
    | DtmfAsked
    | TranscriptTold
    | KeyHeard
    | CallerInactive
    | NoAudioReceived
    | FrontEndCorrupt
)


@dataclass(frozen=True, slots=True)
class MediaStats:
    """Counters of one call so far, named as in media/jitter_buffer.py and media/playout.py. Levels are in dBFS.

    A call without RTP counts the messages of its front end as packets.
    """

    packets_received: int
    packets_sent: int
    packets_foreign: int
    packets_malformed: int
    send_errors: int
    packets_late: int
    packets_lost: int
    packets_duplicate: int
    packets_reordered: int
    packets_surplus: int
    packets_not_audio: int
    ssrc_changes: int
    concealed_ms: int
    filled_ms: int
    underruns: int
    trimmed_ms: int
    cleared_ms: int
    overflow_ms: int
    queued_ms: int
    agent_messages_received: int
    agent_messages_sent: int
    agent_messages_ignored: int
    agent_audio_dropped: int
    caller_dbfs: float
    agent_dbfs: float


class CallMedia(Protocol):
    """The media half of a call, once its caller's side is set up: what the call itself needs of it."""

    @property
    def stats(self) -> MediaStats:
        """Counters so far; valid after `close` too."""

    @property
    def latency(self) -> Latency | None:
        """How long the agent's turns took, where that is known; valid after `close` too."""

    @property
    def has_agent(self) -> bool:
        """The agent's websocket is open."""

    def dial_agent(self) -> None:
        """Dial the agent's websocket; AgentReady or AgentFailed follows."""

    def start(self) -> None:
        """The caller answered, or was answered: audio flows both ways from now on. Idempotent."""

    def pause(self) -> None:
        """The caller is on hold, or away in a transfer: the agent hears silence, and silence is not counted."""

    def resume(self) -> None:
        """The caller is back."""

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key; the agent hears of it unless its settings say otherwise."""

    def call_control(self, control: CallControl) -> None:
        """Tell the agent what the API asks of it."""

    def transfer_result(self, outcome: TransferOutcome) -> None:
        """Tell the agent how its transfer ended."""

    def voicemail(self, notice: VoicemailNotice) -> None:
        """Tell the agent that a machine has answered, or that its greeting is over."""

    def control_error(self, event: str, message: str) -> None:
        """Tell the agent that a request cannot be done. event: `transfer`, `dtmf`, `hangup` or `update`."""

    async def close(self, *, drain: bool = False) -> None:
        """End it all. drain: let what the agent said last play out first. Idempotent."""
