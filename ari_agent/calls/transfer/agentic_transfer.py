"""An agentic warm transfer: a second agent talks with the target, and decides whether the caller gets it.

    caller                    music ──────────────────────────────────┐ hears the tone ─── talks to the target
    external media, agent     hears silence ──────────────────────────┼─────────────────── gone
    target                    rings ── in a bridge aside ─────────────┘ in the call's bridge
    the second agent's        is dialled ── in the bridge aside ──────┘ plays the tone ─── gone

What follows what is decided by handoff.py, as for every warm transfer; what is peculiar to the second agent is here
and in transfer_agent_call.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_events import ConsultationBegins, ConsultationOver, HandoffTold
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.consultation import Consultation
from ari_agent.calls.transfer.handoff import AgentBridges, ConsultationFailed, Plan
from ari_agent.calls.transfer.handoff import Phase as HandoffPhase
from ari_agent.calls.transfer.handoff_plan import agentic_plan
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.calls.transfer.target_leg import TargetLeg
from ari_agent.calls.transfer.transfer_agent_call import TransferAgentCall
from ari_agent.calls.transfer.warm_transfer import HandoffParts, WarmCall, WarmTransfer
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.transfer_option import AgenticTransferConfig
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AsteriskError, CallError

_UNDECIDED: Final = "the transfer agent did not decide in time"
_CALL_ENDED: Final = "the call that was to be transferred has ended"

TellDecision = Callable[[AgentBridges | ConsultationFailed], None]


class AgenticTransferRefused(CallError):
    """Raised when an agentic warm transfer cannot begin. why: what is wrong, and what would be right."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class CallsBeside:
    """Begins calls beside another. new_call_id: makes `call_...` ids. begin: runs a call among all others."""

    new_call_id: Callable[[], str]
    begin: Callable[[CallSession], None]


class AgenticCall(WarmCall, Protocol):
    """What an agentic warm transfer needs of its call, beside what any warm one does."""

    async def new_transfer_agent(
        self, request: TransferRequest, *, call_id: str, consultation: Consultation, tell: TellDecision
    ) -> TransferAgentCall:
        """Make the call of the second agent, with a slot; nothing of it runs yet.

        Raises:
            CallError: there is no such agent, it is none that can do this, or there is no slot.
        """

    def begin_transfer_agent(self, call: TransferAgentCall) -> None:
        """Run the call of the second agent."""


class AgenticTransfer(WarmTransfer):
    """One agentic warm transfer, from its request to its outcome. agent_call_id: of the second agent's call."""

    def __init__(
        self,
        request: TransferRequest,
        tell: TellOutcome,
        *,
        call: AgenticCall,
        leg: TargetLeg,
        music: HoldMusic,
        parts: HandoffParts,
        agent_call_id: str,
    ) -> None:
        super().__init__(request, tell, call=call, leg=leg, music=music, parts=parts)
        self._agentic, self._agent_call_id = call, agent_call_id
        self._second: TransferAgentCall | None = None

    def _require_config(self) -> AgenticTransferConfig:
        if config := self.request.agentic_transfer_config:
            return config
        raise AgenticTransferRefused(
            'mode agentic_warm needs agentic_transfer_config, such as {"transfer_agent":{"agent_id":"agent_..."}}'
        )

    def _plan(self) -> Plan:
        return agentic_plan(self.request, has_voice=self._warm.has_text_to_speech)

    @property
    def _voice(self) -> MediaSession | None:
        return self._second.voice if self._second else None

    def check(self) -> None:
        """Check that there is a way to the target, and a second agent. Raises CallError."""
        self._require_config()
        super().check()

    async def begin(self) -> None:
        """Dial the target and the second agent. See WarmTransfer. Raises CallError where there is no such agent."""
        second = await self._agentic.new_transfer_agent(
            self.request, call_id=self._agent_call_id, consultation=self._consultation, tell=self._decided
        )
        try:
            await super().begin()
        except BaseException:
            await second.give_up()
            raise
        self._second = second
        self._agentic.begin_transfer_agent(second)

    def _decided(self, event: AgentBridges | ConsultationFailed) -> None:
        self._post(0, HandoffPhase.CONSULTING, event)

    async def hear(self, event: HandoffTold) -> TransferOutcome | None:
        """Follow what is said; a second agent that is lost while the target rings is news, too. See WarmTransfer."""
        if isinstance(event.event, ConsultationFailed):
            return await self._feed(event.event)
        return await super().hear(event)

    async def decide(self, decision: TransferDecision) -> TransferOutcome | None:
        """Do what the first agent decides: it may cancel, but when to bridge is the second agent's to decide."""
        return await super().decide(decision) if decision.action == "cancel" else None

    # What is done.

    async def _converse(self) -> None:
        config = self._require_config()
        if self._second:
            self._second.post(ConsultationBegins(self.leg.channel_id))
        bridges = config.action_on_timeout == "bridge_transfer"
        late = AgentBridges() if bridges else ConsultationFailed(_UNDECIDED)
        self._post(config.transfer_timeout_ms, HandoffPhase.CONSULTING, late)

    def _tell_agent(self, status: str, hears: str) -> None:
        if hears == "nobody":  # of the others the first agent hears nothing
            super()._tell_agent(status, hears)

    async def _join(self) -> None:
        await self.leg.join(self._call.leg.bridge_id)
        with contextlib.suppress(AsteriskError):  # then there is no tone, and caller and target talk all the same
            await self._consultation.join(self._call.leg.bridge_id, self.leg.channel_id)
        if self._voice:
            self._voice.drop_speech()

    async def _leave_alone(self, *, is_joined: bool) -> TransferOutcome:
        outcome = await super()._leave_alone(is_joined=is_joined)
        self._second_is_done(None if outcome.status == "succeeded" else outcome.message)
        return outcome

    async def _bring_back(self, outcome: TransferOutcome) -> TransferOutcome:
        self._second_is_done(outcome.message)
        return await super()._bring_back(outcome)

    def _second_is_done(self, failure: str | None) -> None:
        if self._second:
            self._second.post(ConsultationOver(failure))

    async def end(self, q850_cause: int | None) -> None:
        """Let target and second agent go, because the call ends. See InviteTransfer."""
        self._second_is_done(_CALL_ENDED)
        await super().end(q850_cause)
