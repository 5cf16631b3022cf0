"""What the media half of a call is made from and what it tells: frozen values, each of which can be pickled. Pure.

A MediaSpec goes in, then Commands (commands.py); MediaEvents come out, handed to `on_event` in the event loop's thread.
At most one of AgentHungUp and AgentFailed is ever reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ari_agent.calls.media.call_latency import Stretch
from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.recording import NOT_RECORDED, RecordingPlan
from ari_agent.contract.response_engine import ServedEngine
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.contract.transcript import TranscriptItem, TranscriptUpdate
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.media.audio import SILENCE_DBFS
from ari_agent.prompt_agents.model import ModelStep

NO_AUDIO_AFTER_S: Final = 30.0
"""How long after the answer the caller's side may send no audio at all, where no setting says otherwise."""


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """What the media half must know of its call.

    metadata: any JSON value, handed to the agent. end_call_after_silence_ms: silence of both sides that ends the call.
    connect_timeout_s: for the agent's TCP, TLS and websocket handshakes together. no_audio_after_s: how long after the
    answer the caller's side may send no audio at all, 0 for ever. drain_limit_s: how long an agent's last words may
    take after it hung up. agent, call: the agent's settings, and the call object as it is now (CallDetails brings later
    ones); only a text agent needs them. caller_is_wideband: the caller's codec has more than a telephone line's 4 kHz.
    listens_to_greeting: it is to be found out whether a human or a machine has answered. tells_messages: each message
    of the agent's websocket but audio is told by MessagePassed, a text agent's turns by TurnStep, and what is asked of
    a prompt's model by ModelStep. recording: what of the call is recorded. consent: what its caller is told of that
    before all else, as speech (s16le, mono, 16 kHz); empty: nothing. variables: for the texts of a prompt, with those
    of the system. realtime: the prompt of an agent whose model hears and speaks itself. reconnected: its agent had a
    connection of this call before, and is told so; a text agent goes on behind the transcript of `call`.
    """

    call_id: str
    from_number: str
    to_number: str
    direction: str
    engine: ServedEngine
    dynamic_variables: Mapping[str, str]
    metadata: object | None
    end_call_after_silence_ms: int
    allow_user_dtmf: bool
    connect_timeout_s: float = 10.0
    no_audio_after_s: float = NO_AUDIO_AFTER_S
    drain_limit_s: float = 10.0
    caller_is_wideband: bool = False
    listens_to_greeting: bool = False
    tells_messages: bool = False
    agent: Agent | None = None
    call: Call | None = None
    recording: RecordingPlan = NOT_RECORDED
    consent: bytes = field(default=b"", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)
    realtime: RetellLlm | None = None
    redial_s: float = 0.0
    reconnected: bool = False


@dataclass(frozen=True, slots=True)
class AgentReady:
    """The agent's websocket is open and has been told about the call."""


@dataclass(frozen=True, slots=True)
class AgentAway:
    """The agent is lost in mid-call and dialled again; AgentBack follows, or AgentFailed. why: for logs."""

    why: str


@dataclass(frozen=True, slots=True)
class AgentBack:
    """An agent that was lost is connected again. away_ms: for how long it was lost. why: as AgentAway told.

    attempts: how often it was dialled meanwhile.
    """

    away_ms: int
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """The agent cannot be reached, was lost, or broke its protocol. message: for logs; holds no secrets."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """The agent ended the call. What it said before may still be playing: see `MediaHalf.close`."""

    q850_cause: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The agent asks for a transfer of the caller; a TransferResult answers it, or ControlFailed."""

    request: TransferRequest


@dataclass(frozen=True, slots=True)
class TransferDecided:
    """The agent goes on with the warm transfer that is on its way, or cancels it."""

    decision: TransferDecision


@dataclass(frozen=True, slots=True)
class DtmfAsked:
    """The agent asks for DTMF digits to be sent to the caller; only what fails is answered, by ControlFailed."""

    request: DtmfRequest


@dataclass(frozen=True, slots=True)
class TranscriptTold:
    """The agent told the transcript so far. items: the same with tool calls and keys; None where not known."""

    update: TranscriptUpdate
    items: Sequence[TranscriptItem] | None = None


@dataclass(frozen=True, slots=True)
class KeyForwarded:
    """A key that the caller pressed was passed on to the agent, and belongs into the transcript."""

    digit: str


@dataclass(frozen=True, slots=True)
class CallerInactive:
    """Neither side has spoken for as long as the specification's end_call_after_silence_ms."""


@dataclass(frozen=True, slots=True)
class NoAudioReceived:
    """The caller's side has sent no audio at all for as long as the specification's no_audio_after_s."""


@dataclass(frozen=True, slots=True)
class AudioStopped:
    """No packet of the caller's has come for no_audio_after_s, nor for as long again each time that this comes again.

    is_first: of this pause. They may be muted, so other signs of life decide.
    """

    is_first: bool


@dataclass(frozen=True, slots=True)
class AudioFromElsewhere:
    """RTP comes from another address than the one that was announced, and is dropped. Both are `host:port`."""

    announced: str
    actual: str


@dataclass(frozen=True, slots=True)
class AudioAgain:
    """While the caller is away, their audio comes again after a pause: they may be back without our being told."""


@dataclass(frozen=True, slots=True)
class GreetingHeard:
    """What was heard tells something about who answered a call that we placed: see GreetingListener."""

    what: Heard


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Silence is recorded from now on in place of both sides; or that is over. asked_by: who wanted it."""

    paused: bool
    asked_by: Literal["agent", "api"]


@dataclass(frozen=True, slots=True)
class ConsentOver:
    """The sentence that tells the caller of the recording is over. heard: to its end; else the recording ends with it.

    played_ms: for how long it was played.
    """

    heard: bool
    played_ms: int


@dataclass(frozen=True, slots=True)
class MessagePassed:
    """A message that is not audio has passed the agent's websocket; for the public log alone.

    fault: why a message of the agent is ignored. Told where the specification's `tells_messages` is set.
    """

    direction: Literal["received", "sent"]
    message: bytes = field(repr=False)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class TurnStep:
    """A step of the conversation with a text agent, for the public log alone: see dialogue/turn_steps.py.

    response_id: the request of the agent that it belongs to. text: what was said. Told where the specification's
    `tells_messages` is set.
    """

    what: str
    response_id: int | None = None
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LatencyMeasured:
    """One part of a turn, or a round trip to the agent, took so many milliseconds, and was over ago_ms ago."""

    stretch: Stretch
    duration_ms: float
    ago_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FrontEndCorrupt:
    """The front end of a web call sent what its protocol does not allow.

    message: what was wrong. is_for_client: who wrote the client needs to read it, so that it stands in the close frame.
    """

    message: str
    is_for_client: bool = False


@dataclass(frozen=True, slots=True)
class VariablesCollected:
    """An agent with a prompt or a flow has found variables in the conversation, or in the answer of a tool."""

    values: Mapping[str, str]


ForLogAlone: TypeAlias = MessagePassed | TurnStep | ModelStep
"""What the public log is told, and nobody else."""

MediaEvent: TypeAlias = (
    AgentReady
    | AgentAway
    | AgentBack
    | AgentFailed
    | AgentHungUp
    | TransferAsked
    | TransferDecided
    | DtmfAsked
    | TranscriptTold
    | KeyForwarded
    | CallerInactive
    | NoAudioReceived
    | AudioStopped
    | AudioFromElsewhere
    | AudioAgain
    | GreetingHeard
    | RecordingPaused
    | ConsentOver
    | MessagePassed
    | TurnStep
    | ModelStep
    | LatencyMeasured
    | VariablesCollected
    | FrontEndCorrupt
)


@dataclass(frozen=True, slots=True)
class MediaStats:
    """The counters of one call so far, named as in media/jitter_buffer.py and media/playout.py; levels are the latest.

    A call without RTP counts the messages of its front end as packets, and has none of what only RTP can have.
    """

    packets_received: int = 0
    packets_sent: int = 0
    packets_foreign: int = 0
    packets_malformed: int = 0
    send_errors: int = 0
    packets_late: int = 0
    packets_lost: int = 0
    lost_runs: int = 0
    packets_duplicate: int = 0
    packets_reordered: int = 0
    packets_surplus: int = 0
    packets_not_audio: int = 0
    ssrc_changes: int = 0
    concealed_ms: int = 0
    filled_ms: int = 0
    underruns: int = 0
    trimmed_ms: int = 0
    cleared_ms: int = 0
    overflow_ms: int = 0
    queued_ms: int = 0
    agent_messages_received: int = 0
    agent_messages_sent: int = 0
    agent_messages_ignored: int = 0
    agent_audio_dropped: int = 0
    caller_dbfs: float = SILENCE_DBFS
    agent_dbfs: float = SILENCE_DBFS
