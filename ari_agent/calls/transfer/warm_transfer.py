"""A warm transfer: the target is dialled as by InviteTransfer, and talked to before caller and target are left alone.

handoff.py decides what follows what; here its orders are done.

    caller, in the call's bridge        music ─────────────────────────┐ talks to both ─── talks to the target
    external media, the agent           nobody ── the target, aside ───┘ talks to both ─── gone
    target                              rings ─── in a bridge aside ─────┘ in the call's bridge

Whoever falls silent for others is followed by somebody: the caller's music ends when the next speaker begins, at the
latest after MUSIC_GOES_ON_S. What an agent had still to say to one audience is never heard by the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ari_agent.asterisk.events import AriEvent, ChannelStateChange, ChannelVarset
from ari_agent.calls.media.announcement import connected_cue
from ari_agent.calls.media.commands import TargetListens
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.media.speech_watch import SpeechLimits
from ari_agent.calls.session_events import HandoffTold, TargetTold
from ari_agent.calls.transfer.asked_transfer import TellOutcome, failed
from ari_agent.calls.transfer.consultation import Consultation
from ari_agent.calls.transfer.handoff import (
    WHY,
    AgentBridges,
    AgentCancels,
    AgentGone,
    Bridge,
    BringBack,
    Consult,
    Converse,
    Detect,
    Event,
    Handoff,
    HangUpTarget,
    HumanHeard,
    Join,
    MachineHeard,
    MessageOver,
    NobodyHeard,
    Order,
    Plan,
    PlayCue,
    Speak,
    Speaker,
    Stopped,
    TargetAnswered,
    TargetFailed,
    TargetGone,
    Tell,
)
from ari_agent.calls.transfer.handoff import Phase as HandoffPhase
from ari_agent.calls.transfer.handoff_plan import handoff_plan, option_of, with_messages_filled
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.calls.transfer.invite_transfer import SUCCEEDED, ConsultingCall, InviteTransfer, Phase
from ari_agent.calls.transfer.machine_detector import MachineDetector, Verdict
from ari_agent.calls.transfer.target_leg import TargetLeg
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.transfer_option import HandoffMessage
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress
from ari_agent.errors import AsteriskError, CallError, ChannelGone

MUSIC_GOES_ON_S: Final = 4.0
"""How long the caller's music waits for an agent that is to speak next."""


class TransferCancelled(CallError):
    """Raised when the agent has cancelled a transfer that had not begun yet."""

    def __init__(self) -> None:
        super().__init__(WHY[AgentCancels])


class WarmCall(ConsultingCall, Protocol):
    """What a warm transfer needs of its call, beside what any dialled one does."""

    @property
    def voice(self) -> MediaSession | None:
        """The media half of the call; None where there is none yet."""

    @property
    def has_text_to_speech(self) -> bool:
        """Whether text to speech is set up."""

    @property
    def agent_is_told(self) -> bool:
        """Whether the agent is one that is told of each step, and speaks by itself."""

    async def synthesize(self, text: str) -> bytes | None:
        """Return a message as speech in the agent's voice, s16le at 16 kHz; None where it cannot be spoken."""

    def tell_progress(self, progress: TransferProgress) -> None:
        """Tell the agent what the transfer has come to."""

    def target_speaks(self, speaks: bool) -> None:
        """Write what the agent's other side says into the transcript as the target's, or as the user's again."""

    def post_handoff(self, delay_ms: float, event: HandoffTold) -> None:
        """Post an event to the queue of the call after delay_ms."""


@dataclass(frozen=True, slots=True)
class HandoffParts:
    """What a warm transfer is done with.

    detector: listens to the target. consultation: the bridge aside. limits: how long an agent is waited for.
    """

    detector: MachineDetector
    consultation: Consultation
    limits: SpeechLimits


class WarmTransfer(InviteTransfer):
    """One warm transfer, from its request to its outcome."""

    def __init__(
        self,
        request: TransferRequest,
        tell: TellOutcome,
        *,
        call: WarmCall,
        leg: TargetLeg,
        music: HoldMusic,
        parts: HandoffParts,
    ) -> None:
        super().__init__(request, tell, call=call, leg=leg, music=music)
        self._warm = call
        self._handoff: Handoff | None = None
        self._detector, self._consultation, self._limits = parts.detector, parts.consultation, parts.limits
        self._speech: dict[HandoffPhase, asyncio.Future[bytes | None]] = {}
        self._phase_over = asyncio.Event()
        self._cause: int | None = None  # of our CANCEL or BYE to the target
        self._has_rung = self._is_cancelled = self._is_analysed = False

    # What was asked for.

    def fill(self, fill: Callable[[str], str]) -> None:
        """Replace the dynamic variables in destination, headers and messages. Raises InvalidTransferTarget."""
        super().fill(fill)
        self.request = with_messages_filled(self.request, fill)

    def check(self) -> None:
        """Check that there is a way to the target, and somebody to say each message.

        Raises:
            InvalidTransferTarget, HandoffNotSpoken.
        """
        super().check()
        self._handoff = Handoff(self._plan())

    def _plan(self) -> Plan:
        warm = self._warm
        return handoff_plan(self.request, has_voice=warm.has_text_to_speech, agent_speaks=warm.agent_is_told)

    @property
    def _voice(self) -> MediaSession | None:
        """The media half through which the target, and in the end both, are spoken to."""
        return self._warm.voice

    async def begin(self) -> None:
        """Dial the target, while the messages are made. See InviteTransfer. Raises TransferCancelled as well."""
        if self._is_cancelled:
            raise TransferCancelled
        await super().begin()
        self._warm.tell_progress(TransferProgress(status="dialling", hears="nobody"))
        plan = self._plan()
        for phase in (HandoffPhase.PRIVATE, HandoffPhase.PUBLIC):
            option = option_of(self.request, phase)
            if isinstance(option, HandoffMessage) and plan.speaker(phase) is Speaker.VOICE:
                self._speech[phase] = made = asyncio.get_running_loop().create_future()
                self._call.run_beside(self._make_speech(option.message, made))

    async def _make_speech(self, text: str, made: asyncio.Future[bytes | None]) -> None:
        try:
            made.set_result(await self._warm.synthesize(text))
        finally:
            made.cancel()  # only where there is no result

    # What happens.

    def owns(self, channel_id: str) -> bool:
        """Whether a channel is the target's, or listens to it."""
        return super().owns(channel_id) or channel_id == self._detector.channel_id

    async def hear(self, event: HandoffTold) -> TransferOutcome | None:
        """Follow what is said; what was to happen in an earlier phase is no news. See `observe`."""
        is_news = self._handoff is not None and self._handoff.phase is event.phase
        return await self._feed(event.event) if is_news else None

    async def observe(self, event: AriEvent | TargetTold) -> TransferOutcome | None:
        """Follow what happens to the target. See InviteTransfer."""
        if isinstance(event, AriEvent) and event.channel_id == self._detector.channel_id:
            return await self._detected(event)
        if isinstance(event, ChannelStateChange) and event.channel.state == "Ringing" and not self._has_rung:
            self._has_rung = True
            self._warm.tell_progress(TransferProgress(status="ringing", hears="nobody"))
        return await super().observe(event)

    async def _detected(self, event: AriEvent) -> TransferOutcome | None:
        """Note what is found out; a human is assumed where nothing can be, but not where AMD() does not know."""
        if self._detector.is_listening(event):
            self._call.run_beside(self._analyse())
        if isinstance(event, ChannelVarset) and event.variable == "AMDSTATUS":
            self._is_analysed = True
        verdict = self._detector.verdict(event)
        if verdict is Verdict.MACHINE:
            return await self._feed(MachineHeard())
        if verdict is Verdict.HUMAN or (self._detector.found_nothing(event) and not self._is_analysed):
            return await self._feed(HumanHeard())
        return None

    async def _analyse(self) -> None:
        await self._detector.analyse()
        self._assume_human_if_failed()

    def _assume_human_if_failed(self) -> None:
        if self._detector.has_failed:
            self._post(0, HandoffPhase.DETECTING, HumanHeard())

    async def decide(self, decision: TransferDecision) -> TransferOutcome | None:
        """Do what the agent decides: cancel at once, or end the phase once what it said was heard."""
        if self.phase is Phase.ASKED:
            self._is_cancelled = self._is_cancelled or decision.action == "cancel"
            return None
        if decision.action == "cancel":
            return await self._feed(AgentCancels())
        if self._handoff and self._voice:
            self._call.run_beside(self._bridge_when_heard(self._voice, self._handoff.phase))
        return None

    async def _bridge_when_heard(self, voice: MediaSession, phase: HandoffPhase) -> None:
        await voice.hear_out()
        self._post(0, phase, AgentBridges())

    async def agent_gone(self) -> TransferOutcome | None:
        """Go on without the agent, which has left."""
        return await self._feed(AgentGone())

    def _post(self, delay_ms: float, phase: HandoffPhase, event: Event) -> None:
        self._warm.post_handoff(delay_ms, HandoffTold(self.leg.channel_id, phase, event))

    # What follows: see InviteTransfer, which calls these.

    async def _bridge(self) -> TransferOutcome | None:
        return await self._feed(TargetAnswered())

    async def _failed(self, outcome: TransferOutcome, q850_cause: int | None) -> TransferOutcome | None:
        self._cause = q850_cause
        if self.phase is Phase.ANSWERED:
            return await self._feed(TargetGone())
        why = outcome.message or "the destination could not be reached"
        return await self._feed(TargetFailed(why, outcome.sip_status))

    async def _feed(self, event: Event) -> TransferOutcome | None:
        handoff = self._handoff
        if handoff is None:
            return None
        before = handoff.phase
        orders = handoff.feed(event)
        if handoff.phase is not before:
            self._phase_over.set()
            self._phase_over = asyncio.Event()
        try:
            return await self._obey(orders)
        except ChannelGone:
            return None  # an event says so
        except AsteriskError as error:
            handoff.feed(AgentCancels())
            self._call.run_beside(self._let_go())
            return await self._bring_back(failed(str(error)))

    async def _obey(self, orders: Sequence[Order]) -> TransferOutcome | None:
        for order in orders:
            match order:
                case HangUpTarget():
                    self._call.run_beside(self._let_go())
                case Consult():
                    await self._consult()
                case Detect():
                    await self._detect()
                case Converse():
                    await self._converse()
                case Tell(status, hears):
                    self._tell_agent(status, hears)
                case Speak(phase, speaker):
                    await self._speak(phase, speaker)
                case Join():
                    await self._join()
                case PlayCue():
                    await self._music.stop()
                    self._beside_phase(self._play_cue)
                case Bridge(is_joined):
                    return await self._leave_alone(is_joined=is_joined)
                case BringBack(message, sip_status):
                    outcome = TransferOutcome(status="failed", sip_status=sip_status, message=message)
                    return await self._bring_back(outcome)
        return None

    async def _consult(self) -> None:
        await self._consultation.begin(self.leg.channel_id)
        self._warm.target_speaks(True)
        if voice := self._voice:
            voice.drop_speech()
            voice.command(TargetListens())

    async def _detect(self) -> None:
        phase = HandoffPhase.DETECTING
        await self._detector.listen(self.leg.channel_id)
        self._assume_human_if_failed()
        self._post(self.request.agent_detection_timeout_ms, phase, NobodyHeard())

    async def _converse(self) -> None:
        """Begin the conversation of the second agent, which a transfer with one has: see AgenticTransfer."""

    def _tell_agent(self, status: str, hears: str) -> None:
        phase = {"private_handoff": HandoffPhase.PRIVATE, "public_handoff": HandoffPhase.PUBLIC}.get(status)
        option = option_of(self.request, phase) if phase else None
        said = option.model_dump(exclude={"type"}) if option else {}
        spoken_by = {"spoken_by": "text_to_speech" if phase in self._speech else "agent"} if option else {}
        progress = {"status": status, "hears": hears, **said, **spoken_by}
        self._warm.tell_progress(TransferProgress.model_validate(progress))

    async def _speak(self, phase: HandoffPhase, speaker: Speaker) -> None:
        voice = self._voice
        if voice is None:
            self._post(0, phase, MessageOver())
        elif speaker is Speaker.VOICE:
            if phase is HandoffPhase.PUBLIC:
                await self._music.stop()
            self._beside_phase(lambda: self._announce(voice, phase))
        else:
            self._beside_phase(lambda: self._hear_agent(voice, phase))

    async def _announce(self, voice: MediaSession, phase: HandoffPhase) -> None:
        if speech := await self._speech[phase]:
            await voice.announce(speech)
        self._post(0, phase, MessageOver())

    async def _hear_agent(self, voice: MediaSession, phase: HandoffPhase) -> None:
        if phase is HandoffPhase.PUBLIC:
            await voice.agent_begins(within_s=MUSIC_GOES_ON_S)
            await self._music.stop()
        await voice.agent_has_spoken(self._limits)
        self._post(0, phase, MessageOver())

    async def _join(self) -> None:
        await self._consultation.join(self._call.leg.bridge_id, self.leg.channel_id)
        self._warm.target_speaks(False)
        if voice := self._voice:
            voice.drop_speech()
            voice.command(TargetListens(with_caller=True))

    async def _play_cue(self) -> None:
        if voice := self._voice:
            await voice.announce(connected_cue())
        self._post(0, HandoffPhase.CUE, MessageOver())

    async def _leave_alone(self, *, is_joined: bool) -> TransferOutcome:
        if not is_joined:
            try:
                await self.leg.join(self._call.leg.bridge_id)
            except ChannelGone:
                return await self._bring_back(failed(WHY[TargetGone]))
        self.phase = Phase.BRIDGED
        await self._music.stop()
        self.finish(SUCCEEDED)
        await self._call.left_alone(self.request.to)
        self._call.run_beside(self._consultation.end())
        return SUCCEEDED

    async def _bring_back(self, outcome: TransferOutcome) -> TransferOutcome:
        """Bring the caller back to the agent, who is told first and begins to speak meanwhile."""
        self.phase = Phase.OVER
        self._warm.target_speaks(False)
        if voice := self._warm.voice:
            voice.drop_speech()
        self.finish(outcome)
        await self._call.caller_back_from_wait()
        self._call.run_beside(self._music_until_agent_speaks())
        return outcome

    async def _music_until_agent_speaks(self) -> None:
        playing = self._music.playing
        if voice := self._warm.voice:
            await voice.agent_begins(within_s=MUSIC_GOES_ON_S)
        if self._music.playing is playing:  # and not that of another transfer, which the agent has begun instead
            await self._music.stop()

    async def _let_go(self) -> None:
        await self.leg.end(self._cause)
        await self._consultation.end()

    async def end(self, q850_cause: int | None) -> None:
        """Let the target go, because the call ends. See InviteTransfer."""
        if self._handoff:
            self._handoff.feed(Stopped())
        self._phase_over.set()
        await super().end(q850_cause)
        await self._consultation.end()

    def _beside_phase(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task beside the queue that is cancelled when its phase is over."""
        self._call.run_beside(_until(self._phase_over, work))


async def _until(over: asyncio.Event, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    doing, waiting = asyncio.ensure_future(work()), asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)
