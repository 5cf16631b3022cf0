"""The transfers of one call, one at a time: from the request to its outcome.

Each way to transfer has a file of its own beside this one (`refer_transfer`, `invite_transfer`). What they share is
here: when a call can be transferred at all, who is told how it went, and what becomes of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ari_agent.asterisk.events import AriEvent, ChannelVarset, StasisStart
from ari_agent.asterisk.header_reader import SipHeaders
from ari_agent.asterisk.refer import outcome_after_bye, was_told
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.session_events import HandoffTold, TargetTold
from ari_agent.calls.state import CallState
from ari_agent.calls.transfer.asked_transfer import AskedTransfer, TellOutcome, failed
from ari_agent.calls.transfer.caller_transfer import CallerTransfer
from ari_agent.calls.transfer.invite_transfer import InviteTransfer
from ari_agent.calls.transfer.refer_transfer import ReferTransfer
from ari_agent.calls.transfer.warm_transfer import WarmTransfer
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.destination import is_extension
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AsteriskError, CallError, InvalidTransferTarget
from ari_agent.routing.dial_policy import DialRefused

NO_ANSWER_SIP_STATUS: Final = 408
OUTCOME_WITHIN_MS: Final = 1000.0
"""How long after a far end's BYE Asterisk may take to tell how a transfer ended; it takes a millisecond or two."""
BYE_WITHIN_MS: Final = 2000.0
"""How long a far end that ended the REFER's subscription without a word may take to send its BYE, if it means one."""
NO_EXTENSIONS: Final = (
    "it is an extension of a PBX; to reach yours, set ARI_AGENT_EXTENSIONS_CONTEXT to the dialplan context that has "
    "them; another PBX's are reached by a URI such as sip:100@pbx.example.com"
)
"""What is said of a bare extension: by REFER, the caller's carrier would look for it."""

DIALLED_MODES: Final = frozenset({"sip_invite", "warm", "agentic_warm"})
"""The modes whose target we dial ourselves."""


NewCallerTransfer = Callable[[TransferRequest, TellOutcome, int], CallerTransfer]
"""request, tell, attempt as for `new_invite` -> the transfer."""


class NoWarmTransfer(CallError):
    """Raised when an agent goes on with a warm transfer, or cancels it, and there is none."""

    def __init__(self) -> None:
        super().__init__("no warm transfer is on its way: `action` needs one; to transfer the caller, say where `to`")


class TransferringCall(Protocol):
    """What a transfer needs to know of its call and to do with it."""

    @property
    def state(self) -> CallState:
        """The state of the call; only one that is TALKING is transferred."""

    @property
    def sip(self) -> SipHeaders:
        """The caller's SIP headers: they tell in which domain a bare number lies, and who refers."""

    @property
    def number(self) -> PhoneNumber | None:
        """Our number in the call; None where it is not stored."""

    async def check_dial(self, request: TransferRequest, *, transfers: int) -> None:
        """Return if the dial policy lets the call be transferred so. transfers: how many it has asked for before.

        Raises:
            DialRefused: it does not.
        """

    def fill(self, template: str) -> str:
        """Replace every known `{{name}}` in a text."""

    def hear_out(self) -> bool:
        """Post LastWordsHeard once the caller has heard what the agent said so far; False where all is heard."""

    def new_invite(self, request: TransferRequest, tell: TellOutcome, *, attempt: int) -> InviteTransfer:
        """Make a transfer to a target that we dial. attempt: 0 to 9, another for each of the call."""

    async def leave_for_refer(self, request: TransferRequest, variables: Mapping[str, str]) -> None:
        """Send the caller to the dialplan's REFER detour; the agent stays.

        Raises:
            TransferNotSetUp, AsteriskError: it cannot; the caller stays.
        """

    @property
    def extensions_context(self) -> str | None:
        """The context of the dialplan where the PBX's own extensions are; None where callers cannot be sent to them."""

    async def leave_for_extension(self, request: TransferRequest) -> None:
        """Send the caller to an extension of the PBX for good, and end the call.

        Raises:
            InvalidTransferTarget, AsteriskError: it cannot; the caller stays.
        """

    async def transfer_not_begun(self) -> None:
        """End the call if its agent has left since it asked for the transfer."""

    async def caller_returned(self) -> None:
        """Join the caller, who is back, with the agent again, or end the call if there is no agent any more."""

    async def transfer_failed(self) -> None:
        """Write into the record that the transfer failed."""

    def note_fault(self, what: str) -> None:
        """Name a fault in the summary of the call, in a sentence without its full stop."""

    async def transfer_succeeded(self, destination: str) -> None:
        """End the call: the far end has taken the caller over."""

    def await_outcome(self, within_ms: float) -> None:
        """Post OutcomeOverdue in so many milliseconds, when what became of a transfer should be known."""

    async def caller_hung_up(self) -> None:
        """End the call: the caller hung up."""


class Transfers:
    """The transfers of one call, one at a time.

    waits: a transfer was asked for, and begins once the caller has heard what the agent said before.
    """

    def __init__(self, call: TransferringCall, log: CallLog) -> None:
        self._call = call
        self._log = log
        self._transfer: ReferTransfer | InviteTransfer | None = None
        self._given_up: InviteTransfer | None = None
        self._refer_unanswered = False
        self._asked = 0
        self.waits = False

    async def begin(
        self, request: TransferRequest, tell: TellOutcome, *, of_phone: NewCallerTransfer | None = None
    ) -> None:
        """Begin a transfer, after the agent's last words; `tell` gets its outcome once, at once if it cannot begin.

        of_phone: makes a transfer that the caller's phone asks for, which waits for no words.

        Raises:
            DialRefused: this call may not be transferred so often, or not there; nothing is told.
        """
        if why_not := self._why_not(request):
            self._refused(request, why_not)
            tell(failed(why_not))
            return
        self._asked += 1
        transfer: ReferTransfer | InviteTransfer
        if of_phone:
            transfer = of_phone(request, tell, self._asked - 1)
        elif request.mode in DIALLED_MODES:
            transfer = self._call.new_invite(request, tell, attempt=self._asked - 1)
        else:
            transfer = ReferTransfer(request, tell)
        try:
            transfer.fill(self._call.fill)
            self._check(transfer)
        except CallError as error:
            self._refused(request, str(error))
            transfer.finish(failed(str(error)))
            return
        try:
            await self._call.check_dial(transfer.request, transfers=self._asked - 1)
        except DialRefused as refusal:
            self._refused(transfer.request, str(refusal))
            raise
        self._transfer = transfer
        if not of_phone and self._call.hear_out():
            self.waits = True
        else:
            await self.leave()

    def _check(self, transfer: ReferTransfer | InviteTransfer) -> None:
        if is_extension(transfer.request.to) and self._call.extensions_context is None:
            raise InvalidTransferTarget(transfer.request.to, NO_EXTENSIONS)
        if isinstance(transfer, InviteTransfer):
            transfer.check()
        elif not is_extension(transfer.request.to):
            transfer.variables(self._call.sip, self._call.number)

    def _refused(self, request: TransferRequest, why: str) -> None:
        self._log.warning("transfer refused: %s", why, extra={"to": request.to})
        self._call.note_fault(f"A transfer to {request.to} was refused: {why}")

    async def leave(self) -> None:
        """Begin the transfer that was asked for: the caller has heard what the agent said before."""
        transfer, self.waits = self._transfer, False
        if transfer is None:
            return
        try:
            if isinstance(transfer, InviteTransfer):
                await transfer.begin()
                return
            if is_extension(transfer.request.to):
                await self._call.leave_for_extension(transfer.request)
                transfer.finish(TransferOutcome(status="succeeded", message="the extension is being called"))
                return
            await self._call.leave_for_refer(transfer.request, transfer.variables(self._call.sip, self._call.number))
        except (CallError, AsteriskError) as error:
            self._log.warning("transfer not begun: %s", error, extra={"to": transfer.request.to})
            self._call.note_fault(f"A transfer to {transfer.request.to} did not begin: {error}")
            self._transfer = None
            transfer.finish(failed(str(error)))
            await self._call.transfer_not_begun()

    def _why_not(self, request: TransferRequest) -> str | None:
        if self._call.state is not CallState.TALKING:
            return f"the call is {self._call.state.value}, not talking"
        if occupied := self._occupied:
            return occupied
        if request.mode in DIALLED_MODES:
            return None
        if self._refer_unanswered:
            return "the far end never answered the last REFER, so it gets no other"
        return None

    @property
    def _occupied(self) -> str | None:
        """Say which other transfer is about to begin or under way while the call is TALKING; None for none."""
        if self.waits:
            return "another transfer begins as soon as the agent's last words are heard"
        return "the caller's phone is transferring the call" if self.serves_phone() else None

    async def observe(self, event: StasisStart | ChannelVarset) -> None:
        """Take note of an event of a caller who is away in a transfer."""
        transfer = self._transfer
        if not isinstance(transfer, ReferTransfer):
            return
        outcome = transfer.observe(event)
        if outcome is None:
            if transfer.far_end_left and transfer.heard:
                await self._end_after_bye(transfer)
        elif outcome.status == "succeeded":
            await self._succeeded(transfer, outcome)
        elif was_told(outcome):
            await self._failed(transfer, outcome)
        else:
            transfer.untold = outcome
            self._call.await_outcome(BYE_WITHIN_MS)

    async def caller_left(self, *, said_bye: bool) -> bool:
        """Whether a transfer decides what it means that the caller's channel is gone; it ends the call, now or soon.

        said_bye: the far end hung up, and not Asterisk. Asked a second time, the transfer waits no longer for Asterisk
        to tell its outcome.
        """
        transfer = self._transfer
        if isinstance(transfer, CallerTransfer):
            return transfer.caller_left()
        if not isinstance(transfer, ReferTransfer) or self.waits:
            return False
        waited, transfer.far_end_left = transfer.far_end_left, transfer.far_end_left or said_bye
        heard = transfer.heard
        if transfer.far_end_left:
            if heard or waited:
                await self._end_after_bye(transfer)
            else:
                self._call.await_outcome(OUTCOME_WITHIN_MS)
            return True
        if heard is None or heard.status != "succeeded":
            return False
        await self._succeeded(transfer, heard)
        return True

    # A target that we dial.

    def serves_phone(self) -> bool:
        """Whether a transfer is under way that the caller's phone has asked for."""
        return isinstance(self._transfer, CallerTransfer)

    @property
    def _target(self) -> InviteTransfer | None:
        return self._transfer if isinstance(self._transfer, InviteTransfer) else None

    @property
    def target_channel_id(self) -> str | None:
        """The channel of the target that is dialled or talks; None where there is none."""
        return self._target.leg.channel_id if self._target and self._target.is_under_way else None

    def has_target(self, channel_id: str) -> bool:
        """Whether a channel is that of the target, or becomes it."""
        return self._target is not None and self._target.owns(channel_id)

    def adopt(self, transfer: InviteTransfer) -> None:
        """Take over a transfer of an earlier run, whose target talks with the caller."""
        self._transfer = transfer

    async def observe_target(self, channel_id: str, event: AriEvent | TargetTold) -> None:
        """Take note of what happens to a target; one of an earlier transfer counts no more."""
        if self._target and self.has_target(channel_id):
            await self._consulted(self._target, await self._target.observe(event))

    async def observe_handoff(self, event: HandoffTold) -> None:
        """Take note of what has happened in a warm transfer; one of an earlier transfer counts no more."""
        if isinstance(self._transfer, WarmTransfer) and self.has_target(event.channel_id):
            await self._consulted(self._transfer, await self._transfer.hear(event))

    async def decide(self, decision: TransferDecision) -> None:
        """Do what the agent decides about its warm transfer. Raises NoWarmTransfer: none is on its way."""
        if not isinstance(self._transfer, WarmTransfer):
            raise NoWarmTransfer
        await self._consulted(self._transfer, await self._transfer.decide(decision))

    async def agent_gone(self) -> None:
        """Go on without the agent, which has left."""
        if isinstance(self._transfer, WarmTransfer):
            await self._consulted(self._transfer, await self._transfer.agent_gone())

    async def _consulted(self, transfer: InviteTransfer, outcome: TransferOutcome | None) -> None:
        if outcome is None:
            return
        if outcome.status == "succeeded":
            self._log.info("transfer succeeded", extra=dict(_summary(transfer, outcome)))
            if not transfer.is_under_way:  # the target is the caller now
                self._transfer = None
            return
        self._log.warning("transfer failed", extra=dict(_summary(transfer, outcome)))
        self._call.note_fault(_fault(transfer, outcome))
        self._transfer, self._given_up = None, transfer
        transfer.finish(outcome)
        await self._call.transfer_failed()

    async def end_target(self, q850_cause: int | None) -> None:
        """Hang up the target, where there is one, because the call ends. None: normal clearing."""
        for transfer in filter(None, (self._target, self._given_up)):
            await transfer.end(q850_cause)

    # A REFER.

    async def outcome_overdue(self) -> None:
        """Wait no longer for Asterisk, or for a BYE, to tell what became of the transfer."""
        transfer = self._transfer
        if not isinstance(transfer, ReferTransfer):
            return
        if transfer.far_end_left:
            await self._end_after_bye(transfer)
        elif transfer.untold:
            await self._failed(transfer, transfer.untold)

    async def _end_after_bye(self, transfer: ReferTransfer) -> None:
        outcome = outcome_after_bye(transfer.heard)
        if outcome.status == "succeeded":
            await self._succeeded(transfer, outcome)
            return
        self._log.warning("transfer failed, and the far end hung up", extra=dict(_summary(transfer, outcome)))
        self._call.note_fault(_fault(transfer, outcome))
        transfer.finish(outcome)
        await self._call.caller_hung_up()

    async def _succeeded(self, transfer: ReferTransfer, outcome: TransferOutcome) -> None:
        self._log.info("transfer succeeded", extra=dict(_summary(transfer, outcome)))
        self._transfer = None
        transfer.finish(outcome)
        await self._call.transfer_succeeded(transfer.request.to)

    async def _failed(self, transfer: ReferTransfer, outcome: TransferOutcome) -> None:
        self._log.warning("transfer failed", extra=dict(_summary(transfer, outcome)))
        self._call.note_fault(_fault(transfer, outcome))
        self._transfer = None
        # A second subscription beside one that never ends is too much for PJSIP: see refer.py.
        self._refer_unanswered = outcome.sip_status == NO_ANSWER_SIP_STATUS
        await self._call.caller_returned()
        transfer.finish(outcome)
        await self._call.transfer_failed()


def _summary(transfer: AskedTransfer, outcome: TransferOutcome) -> Mapping[str, object]:
    """Return the facts of a transfer and its outcome that belong into a log line."""
    told = {"status": outcome.status, "sip_status": outcome.sip_status, "why": outcome.message}
    return {"to": transfer.request.to, **told}


def _fault(transfer: AskedTransfer, outcome: TransferOutcome) -> str:
    """Return what the summary of the call says of a transfer that failed."""
    status = f" ({outcome.sip_status})" if outcome.sip_status else ""
    return f"A transfer to {transfer.request.to} failed: {outcome.message}{status}"
