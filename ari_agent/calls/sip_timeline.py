"""The signalling of one call, message by message, out of Asterisk's events; and who hung up. Pure.

    StasisStart, Dial, ChannelStateChange             INVITE, 180, 183, 200
    ChannelHold, ChannelUnhold                        a re-INVITE, or an UPDATE, that holds the call or takes it back
    ChannelDialplan of Transfer(), TRANSFERSTATUS     our REFER and how it went
    ChannelTransfer                                   a REFER of the far end, where it comes to us
    ChannelHangupRequest                              BYE, CANCEL, a failure response, or Asterisk's own doing
    hung_up, sent_on, rang                            what we had Asterisk do, of which no event tells

No event tells of ACK, 100 Trying, OPTIONS, or of the re-INVITEs of session timers, and the text of a Reason header is
lost on the way. Measured on Asterisk 22: a plain BYE comes without cause, a plain CANCEL with the cause 127, which its
far end never said; both have a `tech_cause` that Asterisk made up. The 408 of a far end that is dead is Asterisk's own
word, too: it says that no answer came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.asterisk.causes import is_dead_far_end, status_of_refusal
from ari_agent.asterisk.events import (
    AriEvent,
    ChannelDialplan,
    ChannelHangupRequest,
    ChannelHold,
    ChannelStateChange,
    ChannelTransfer,
    ChannelUnhold,
    ChannelVarset,
    Dial,
    StasisStart,
)
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.sip_timeline import Hangup, HangupParty, SipEvent, SipEventName, SipLeg

MAX_EVENTS: Final = 200
"""How many entries a timeline has at most: a phone may hold a call and take it back for hours."""
_ROOM_FOR_ENDS: Final = 10
_ENDS: Final = frozenset({"BYE", "CANCEL", "failure", "dialplan"})
_ANSWERS: Final = frozenset({"180", "183", "200"})
_INTERWORKING: Final = 127  # Q.850: what Asterisk says where nothing was said

_PARTIES: Final[Mapping[DisconnectionReason, HangupParty]] = {
    DisconnectionReason.AGENT_HANGUP: "agent",
    DisconnectionReason.VOICEMAIL_REACHED: "agent",
    DisconnectionReason.MANUAL_STOPPED: "api",
    DisconnectionReason.USER_HANGUP: "caller",
}
"""Who ends a call for such a reason, where no event of Asterisk's and no one else says so; the others are `system`."""


@dataclass(slots=True)
class _Leg:
    """One SIP dialogue. placed: its INVITE is ours. ending: Asterisk ends it for us. told: the entries so far."""

    name: SipLeg
    placed: bool
    is_up: bool = False
    is_over: bool = False
    ending: bool = False
    transfer_status: str = ""
    hangup: Hangup | None = None
    told: set[SipEventName] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Seen:
    """An entry in the making. once: a leg has one such entry at most."""

    event: SipEventName
    is_sent: bool
    sip_status: int | None = None
    q850_cause: int | None = None
    once: bool = False


class SipTimeline:
    """The signalling of one call. placed: we dialled its far end. tell: is told of each entry."""

    def __init__(self, *, placed: bool, tell: Callable[[SipEvent], None] = lambda _: None) -> None:
        self.events: tuple[SipEvent, ...] = ()
        self._tell = tell
        self._caller = _Leg("caller", placed)
        self._legs: dict[SipLeg, _Leg] = {"caller": self._caller}

    def feed(self, event: AriEvent, now_ms: int, *, leg: SipLeg = "caller") -> bool:
        """Take an event of a leg's channel; return whether the timeline is longer for it. Most events say nothing."""
        note = _NOTES.get(type(event))
        if note is None:
            return False
        dialogue = self._legs.setdefault(leg, _Leg(leg, placed=True))
        if isinstance(event, Dial) and not event.dialstatus and dialogue.is_over and leg == "target":
            dialogue = self._legs[leg] = _Leg(leg, placed=True)  # another target of the same call
        seen = note(dialogue, event)
        if seen is None:
            return False
        if isinstance(event, ChannelHangupRequest):
            dialogue.hangup = _hangup(dialogue, event, seen, now_ms)
        if dialogue.placed and seen.event in _ANSWERS:
            self._add(dialogue, _INVITE_SENT, now_ms)  # whose event comes a moment later, now and then
        return self._add(dialogue, seen, now_ms)

    def resume(self, events: Sequence[SipEvent]) -> None:
        """Go on with the entries of an earlier run, in which some legs were answered."""
        self.events = tuple(events)
        for event in events:
            leg = self._legs.setdefault(event.leg, _Leg(event.leg, placed=True))
            leg.told.add(event.event)
            leg.is_up = leg.is_up or event.event == "200"

    def caller_is_up(self) -> None:
        """Note that the caller's leg is answered, by whomever: the dialplan may have done it before the first entry."""
        self._caller.is_up = True

    def rang(self, now_ms: int) -> None:
        """Note that we had Asterisk send 180 Ringing, which it does not once the dialplan has answered."""
        if not self._caller.is_up:
            self._add(self._caller, _Seen("180", is_sent=True, once=True), now_ms)

    def ending(self, *, leg: SipLeg = "caller") -> None:
        """Note that we are about to end a leg: what Asterisk tells of its end from now on is our own doing."""
        self._legs.setdefault(leg, _Leg(leg, placed=True)).ending = True

    def hung_up(self, now_ms: int, *, q850_cause: int, leg: SipLeg = "caller") -> None:
        """Note that Asterisk hung a leg up for us, unless its far end was faster."""
        dialogue = self._legs.setdefault(leg, _Leg(leg, placed=True))
        if dialogue.is_over:
            return
        dialogue.is_over = True
        seen = _Seen("BYE", is_sent=True, q850_cause=q850_cause)
        if not dialogue.is_up and dialogue.placed:
            seen = _Seen("CANCEL", is_sent=True, q850_cause=q850_cause)
        elif not dialogue.is_up:
            seen = _Seen("failure", is_sent=True, sip_status=status_of_refusal(q850_cause), q850_cause=q850_cause)
        self._add(dialogue, seen, now_ms)

    def sent_on(self, now_ms: int) -> None:
        """Note that the call went on in the dialplan, unless its far end has hung up."""
        if not self._caller.is_over:
            self._add(self._caller, _Seen("dialplan", is_sent=True), now_ms)

    def hangup(self, teardown: Teardown, ended_ms: int) -> Hangup:
        """Return who ended the call. teardown: how it ended. ended_ms: when, where no event of Asterisk's says so."""
        told = [leg.hangup for leg in self._legs.values() if leg.hangup]
        if teardown.reason is DisconnectionReason.CALL_TRANSFER and told:
            return min(told, key=lambda hangup: hangup.timestamp)
        theirs = self._caller.hangup
        if theirs and teardown.q850_cause is None and not teardown.continues_in_dialplan:
            return theirs.model_copy(update={"reason": teardown.why})
        found = hangup_for(teardown.reason, ended_ms, who=teardown.who, why=teardown.why)
        if found.who == "caller" and self._caller.placed:
            found = found.model_copy(update={"who": "far_end"})
        ours = next((entry for entry in reversed(self.events) if entry.leg == "caller"), None)
        if ours is None or ours.event not in _ENDS or ours.direction != "sent":
            return found
        return found.model_copy(update={"sip_status": ours.sip_status, "q850_cause": ours.q850_cause})

    def _add(self, leg: _Leg, seen: _Seen, now_ms: int) -> bool:
        if seen.once and seen.event in leg.told:
            return False
        if len(self.events) >= MAX_EVENTS - (0 if seen.event in _ENDS else _ROOM_FOR_ENDS):
            return False
        leg.told.add(seen.event)
        direction = None if seen.event == "dialplan" else "sent" if seen.is_sent else "received"
        entry = SipEvent(
            event=seen.event,
            leg=leg.name,
            direction=direction,
            timestamp=now_ms,
            sip_status=seen.sip_status,
            q850_cause=seen.q850_cause,
        )
        self.events += (entry,)
        self._tell(entry)
        return True


def hangup_for(
    reason: DisconnectionReason | None, ended_ms: int, *, who: HangupParty | None = None, why: str | None = None
) -> Hangup:
    """Return who ends a call for this reason, where nothing else tells. who: known better. why: what went wrong."""
    found = _PARTIES.get(reason, "system") if reason else "system"
    return Hangup(who=who or found, timestamp=ended_ms, reason=why)


# One function a kind of event: what it says of a leg, and what it changes there. None: nothing, or nothing new.


def _began(leg: _Leg, event: StasisStart) -> _Seen | None:
    if leg.placed or "INVITE" in leg.told:
        return None
    leg.is_up = event.channel.state == "Up"  # the dialplan has answered it already
    return _Seen("INVITE", is_sent=False)


def _dialled(_: _Leg, event: Dial) -> _Seen | None:
    return _DIAL_STATUSES.get(event.dialstatus)


_INVITE_SENT: Final = _Seen("INVITE", is_sent=True, once=True)
_DIAL_STATUSES: Final[Mapping[str, _Seen]] = {
    "": _INVITE_SENT,
    "RINGING": _Seen("180", is_sent=False, once=True),
    "PROGRESS": _Seen("183", is_sent=False, once=True),
}


def _changed(leg: _Leg, event: ChannelStateChange) -> _Seen | None:
    if event.channel.state == "Ringing" and leg.placed:
        return _DIAL_STATUSES["RINGING"]
    if event.channel.state != "Up" or leg.is_up:
        return None
    leg.is_up = True
    return _Seen("200", is_sent=not leg.placed)


def _held(*_: object) -> _Seen:
    return _Seen("re-INVITE hold", is_sent=False)


def _unheld(*_: object) -> _Seen:
    return _Seen("re-INVITE unhold", is_sent=False)


def _in_dialplan(_: _Leg, event: ChannelDialplan) -> _Seen | None:
    return _Seen("REFER", is_sent=True) if event.channel.dialplan.app_name == "Transfer" else None


def _referred(_: _Leg, event: ChannelTransfer) -> _Seen | None:
    return None if event.state else _Seen("REFER", is_sent=False)


def _variable_set(leg: _Leg, event: ChannelVarset) -> _Seen | None:
    if event.variable == "TRANSFERSTATUS":
        leg.transfer_status = event.value
    if event.variable != "TRANSFERSTATUSPROTOCOL" or not leg.transfer_status:
        return None
    status = int(event.value) if re.fullmatch("[1-6][0-9]{2}", event.value) else None
    if leg.transfer_status == "SUCCESS":
        return _Seen("NOTIFY", is_sent=False, sip_status=status or 200)
    return _Seen("REFER failure", is_sent=False, sip_status=status) if status else None


def _hung_up(leg: _Leg, event: ChannelHangupRequest) -> _Seen | None:
    if leg.is_over or (leg.ending and event.soft):
        return None
    leg.is_over = True
    cause = _within(event.cause, 1, 127)
    if event.soft:
        ended: SipEventName = "BYE" if leg.is_up else "CANCEL" if leg.placed else "failure"
        return _Seen(ended, is_sent=True, q850_cause=cause)
    if is_dead_far_end(event.tech_cause) if leg.is_up else leg.placed:
        return _Seen("failure", is_sent=False, sip_status=_within(event.tech_cause, 100, 699), q850_cause=cause)
    said = None if cause == _INTERWORKING else cause
    return _Seen("BYE" if leg.is_up else "CANCEL", is_sent=False, q850_cause=said)


def _within(number: int | None, least: int, most: int) -> int | None:
    """Return what Asterisk told; None where that is no code at all, such as the 0 of an unknown cause."""
    return number if number is not None and least <= number <= most else None


def _hangup(leg: _Leg, event: ChannelHangupRequest, seen: _Seen, now_ms: int) -> Hangup:
    parties: Mapping[SipLeg, HangupParty] = {"caller": "far_end" if leg.placed else "caller", "target": "target"}
    is_asterisk = event.soft or (leg.is_up and seen.event == "failure")
    return Hangup(
        who="asterisk" if is_asterisk else parties[leg.name],
        timestamp=now_ms,
        sip_status=487 if seen.event == "CANCEL" else seen.sip_status,
        q850_cause=seen.q850_cause,
    )


_NOTES: Final[Mapping[type[AriEvent], Callable[[_Leg, Any], _Seen | None]]] = {
    StasisStart: _began,
    Dial: _dialled,
    ChannelStateChange: _changed,
    ChannelHold: _held,
    ChannelUnhold: _unheld,
    ChannelDialplan: _in_dialplan,
    ChannelTransfer: _referred,
    ChannelVarset: _variable_set,
    ChannelHangupRequest: _hung_up,
}
