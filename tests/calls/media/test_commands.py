"""The media half has an interface of plain values: what goes in and comes out can be sent to another process."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, Final, get_args

import pytest

from ari_agent.calls.media.call_media import (
    AgentAway,
    AgentBack,
    AgentFailed,
    AgentHungUp,
    AgentReady,
    AudioAgain,
    AudioFromElsewhere,
    AudioStopped,
    CallerInactive,
    ConsentOver,
    DtmfAsked,
    FrontEndCorrupt,
    GreetingHeard,
    KeyForwarded,
    LatencyMeasured,
    MediaEvent,
    MediaSpec,
    MediaStats,
    MessagePassed,
    NoAudioReceived,
    RecordingPaused,
    TranscriptTold,
    TransferAsked,
    TransferDecided,
    TurnStep,
    VariablesCollected,
)
from ari_agent.calls.media.commands import (
    ApiControl,
    CallDetails,
    CallerAway,
    CallerBack,
    Command,
    ControlFailed,
    KeyPressed,
    TargetListens,
    TransferGoesOn,
    TransferResult,
    Voicemail,
)
from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.record import registered_call
from ari_agent.contract.agent import Agent
from ari_agent.contract.call_control import DtmfRequest, TransferOutcome, TransferRequest, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.contract.transcript import Dtmf, TranscriptUpdate, Utterance, Word
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress
from ari_agent.prompt_agents.model import ModelStep

AUDIO: Final = AudioWebsocketEngine(
    type="audio-websocket",
    audio_websocket_url="wss://agent.example/audio",
    audio_websocket_headers={"Authorization": "Bearer secret"},
)
TEXT: Final = CustomLlmEngine(type="custom-llm", llm_websocket_url="wss://agent.example/llm")
AGENT: Final = Agent.model_validate(
    {
        "agent_id": "agent_1",
        "version": 0,
        "voice_id": "flite-slt",
        "last_modification_timestamp": 1_760_000_000_000,
        "response_engine": TEXT.model_dump(),
    }
)
CALL: Final = registered_call(
    call_id="call_1",
    agent=AGENT,
    from_number="+15551230000",
    to_number="+15559990000",
    sip_headers={"X-Case": "7"},
    sip_call_id="abc@pbx",
    dynamic_variables={"customer": "Bob"},
    metadata={"ticket": [7, None, {"open": True}]},
)
SPEECH: Final = Utterance(role="agent", content="Hello.", words=(Word(word="Hello.", start=0.1, end=0.4),))

COMMANDS: Final[Mapping[type[Command], Command]] = {
    KeyPressed: KeyPressed("5", 180),
    CallerAway: CallerAway(),
    CallerBack: CallerBack(),
    TargetListens: TargetListens(),
    ApiControl: ApiControl(CallControl(trigger_response=True, additional_context="It is late.")),
    TransferResult: TransferResult(TransferOutcome(status="failed", sip_status=486, message="busy")),
    TransferGoesOn: TransferGoesOn(TransferProgress(status="private_handoff", hears="target", prompt="Who calls?")),
    Voicemail: Voicemail(VoicemailNotice(status="greeting", action="static_text", text="Call us back.")),
    ControlFailed: ControlFailed("dtmf", "the caller is away"),
    CallDetails: CallDetails(CALL),
}
EVENTS: Final[Mapping[type[MediaEvent], MediaEvent]] = {
    AgentReady: AgentReady(),
    AgentFailed: AgentFailed(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, "no answer"),
    AgentHungUp: AgentHungUp(16),
    AgentAway: AgentAway("reset"),
    AgentBack: AgentBack(1200, 2, "reset"),
    TransferAsked: TransferAsked(TransferRequest(to="+15551234567", headers={"X-Case": "7"})),
    TransferDecided: TransferDecided(TransferDecision(action="bridge")),
    DtmfAsked: DtmfAsked(DtmfRequest(digits="12#")),
    TranscriptTold: TranscriptTold(
        TranscriptUpdate(transcript=(SPEECH,), turntaking="user_turn"), (SPEECH, Dtmf(role="dtmf", digit="5"))
    ),
    KeyForwarded: KeyForwarded("5"),
    CallerInactive: CallerInactive(),
    NoAudioReceived: NoAudioReceived(),
    AudioFromElsewhere: AudioFromElsewhere(announced="192.0.2.1:4000", actual="192.0.2.9:4000"),
    AudioAgain: AudioAgain(),
    AudioStopped: AudioStopped(is_first=True),
    GreetingHeard: GreetingHeard(Heard.MACHINE),
    MessagePassed: MessagePassed("received", b'{"event":"clear"}', "no streamSid"),
    TurnStep: TurnStep("agent_asked", 3, "Hello."),
    ModelStep: ModelStep("asked", {"model": "small"}, content="Hello."),
    RecordingPaused: RecordingPaused(paused=True, asked_by="api"),
    ConsentOver: ConsentOver(heard=True, played_ms=4200),
    LatencyMeasured: LatencyMeasured("e2e", 812.5),
    FrontEndCorrupt: FrontEndCorrupt("not JSON"),
    VariablesCollected: VariablesCollected({"city": "Rome"}),
}


def there_and_back(value: object) -> object:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("engine", [AUDIO, TEXT], ids=["audio", "text"])
def test_a_specification_can_be_sent_to_another_process(engine: AudioWebsocketEngine | CustomLlmEngine) -> None:
    spec = MediaSpec(
        call_id="call_1",
        from_number="+15551230000",
        to_number="+15559990000",
        direction="inbound",
        engine=engine,
        dynamic_variables={"customer": "Bob"},
        metadata=CALL.metadata,
        end_call_after_silence_ms=600_000,
        allow_user_dtmf=True,
        agent=AGENT,
        call=CALL,
    )
    assert there_and_back(spec) == spec


@pytest.mark.parametrize("kind", get_args(Command))
def test_every_command_can_be_sent_to_another_process(kind: type[Command]) -> None:
    command = COMMANDS[kind]
    assert there_and_back(command) == command


@pytest.mark.parametrize("kind", get_args(MediaEvent))
def test_every_event_can_be_sent_to_another_process(kind: type[MediaEvent]) -> None:
    event = EVENTS[kind]
    assert there_and_back(event) == event


def test_counters_can_be_sent_to_another_process() -> None:
    stats = MediaStats(packets_received=7, caller_dbfs=-20.5)
    assert there_and_back(stats) == stats


@pytest.mark.parametrize("kind", [MediaSpec, MediaStats, *get_args(Command), *get_args(MediaEvent)])
def test_what_goes_in_and_comes_out_does_not_change_on_its_way(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
