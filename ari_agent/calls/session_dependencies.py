"""What all calls of this process share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.caller_refer import CallerTransfers
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.latency_histograms import LatencyHistograms
from ari_agent.calls.media.agent_leg import AgentLeg, CallerOutput
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import NO_AUDIO_AFTER_S, MediaEvent, MediaSpec
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.public_log.public_logs import NO_LOGS, PublicLogs
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents, with_speaking_model
from ari_agent.calls.realtime.realtime_leg import RealtimeAgentLeg
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.recording_consent import ConsentSentences
from ari_agent.calls.trace_steps import NumbersTold
from ari_agent.calls.traced_agent import AGENT, traced_agent
from ari_agent.calls.trunk_sync import TrunkSync
from ari_agent.contract.agent import Agent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.recording import NOT_RECORDED, RecordingPlan
from ari_agent.contract.response_engine import TextEngine
from ari_agent.contract.trace import Trace, traceparent
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.routing.agent_choice import AUDIO_AGENTS, Serves

FindAgent = Callable[[str, int | str | None], Awaitable[Agent | None]]
FindNumber = Callable[[str], Awaitable[PhoneNumber | None]]
"""agent_id, version: a number, `latest` (as None), `latest_published` or a tag -> the agent of calls, or None."""


def served_kinds(speech: Speech | None, realtime: RealtimeAgents | None) -> Serves:
    """Return which kinds of agents can take calls, by what is set up; whether a prompt's model is one shows later."""
    kinds = speech.serves if speech else AUDIO_AGENTS
    return {*kinds, "retell-llm"} if realtime else kinds


async def _no_agent(_agent_id: str, _version: int | str | None) -> None:
    return None


async def _no_number(_phone_number: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class SessionDependencies:
    """What every call needs of the rest of the controller.

    app: the name of our Stasis application. trunk_app: what the names of trunks in Asterisk begin with, where several
    controllers share them; None: app. account_webhook_url: for agents without a URL of their own. now_ms:
    milliseconds since the epoch. speech: what listens and speaks for text agents; None where they take no calls.
    show_withheld_numbers: tell also the numbers that callers withhold. extensions_context: of the dialplan, where the
    PBX's own extensions are; None where callers cannot be sent to them.
    trunks: makes a trunk anew that Asterisk has lost.
    caller_transfers: what becomes of a REFER that the caller's phone sends.
    no_audio_after_s: how long a caller may send no audio at all, nor any sign of life; 0 for ever. dial_guard: is asked
    before anybody is dialled. find_agent: looks up the transfer agent of an agentic warm transfer; raises StoreError.
    find_number: looks up our number of a call that an earlier run has begun; raises StoreError.
    trace: takes the steps of calls; None where there are no traces. trace_numbers: whether they tell numbers.
    prices: what calls cost by; None where that is not known.
    artefacts: where the files of calls are kept. recording: what is recorded where neither number nor agent says it.
    consents: has the sentences that tell callers of it.
    public_logs: opens and ends the log of each call.
    latencies: observe how long the turns of all calls take.
    voice_ends: tells voice from noise for turns of audio agents; None where the level alone tells them.
    realtime: what agents whose model hears and speaks itself share; None where there is no server of such.
    agent_redial_s: how long an audio agent that is lost in mid-call is dialled again, unless the agent says it itself.
    """

    ari: Ari
    app: str
    records: RecordWriter
    slots: SlotPool
    rtp: RtpPorts
    wheel: Wheel
    account_webhook_url: str | None
    now_ms: Callable[[], int]
    dial_guard: DialGuard
    speech: Speech | None = None
    find_agent: FindAgent = _no_agent
    find_number: FindNumber = _no_number
    show_withheld_numbers: bool = False
    extensions_context: str | None = None
    trunks: TrunkSync | None = None
    caller_transfers: CallerTransfers = "refuse"
    no_audio_after_s: float = NO_AUDIO_AFTER_S
    trace: Trace | None = None
    trace_numbers: NumbersTold = "none"
    prices: PriceTable | None = None
    artefacts: Artefacts | None = None
    recording: RecordingPlan = NOT_RECORDED
    consents: ConsentSentences = field(default_factory=ConsentSentences)
    public_logs: PublicLogs = NO_LOGS
    latencies: LatencyHistograms = field(default_factory=LatencyHistograms)
    voice_ends: VoiceEnds | None = None
    realtime: RealtimeAgents | None = None
    agent_redial_s: float = 0.0
    trunk_app: str | None = None

    @property
    def trunk_name(self) -> str:
        """Return what the names of trunks in Asterisk begin with."""
        return self.trunk_app or self.app

    @property
    def serves(self) -> Serves:
        """Return which kinds of agents can take calls."""
        return served_kinds(self.speech, self.realtime)

    async def with_speaking_model(self, spec: MediaSpec) -> MediaSpec:
        """Return a specification with the prompt of a model that speaks itself, if its agent has one.

        Raises:
            AgentUnreachable, UnservedAgent: see with_speaking_model.
        """
        return await with_speaking_model(spec, self.realtime, serves_text=served_kinds(self.speech, None))

    def new_agent_leg(self, spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]) -> AgentLeg:
        """Make the agent's side of one call, of the kind that its engine needs. See NewAgentLeg."""
        speech, realtime, headers = self.speech, self.realtime, None
        if self.trace:
            headers = traceparent(spec.call_id, AGENT)
            on_event = traced_agent(spec.call_id, on_event, trace=self.trace, now_ms=self.now_ms)
        if realtime and spec.realtime:
            observed = self.latencies.observing("audio", on_event)
            return RealtimeAgentLeg(realtime, spec, output, observed, headers=headers, voice_ends=self.voice_ends)
        if speech and isinstance(spec.engine, TextEngine):
            if headers:
                speech = replace(speech, habits=replace(speech.habits, headers=headers))
            return speech.new_leg(spec, output, self.latencies.observing("text", on_event))
        on_event = self.latencies.observing("audio", on_event)
        return AudioAgentLeg(spec, output, on_event, headers=headers, voice_ends=self.voice_ends)
