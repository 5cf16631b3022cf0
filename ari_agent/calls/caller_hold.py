"""Has the agent of a call know whether its caller listens, also where Asterisk's event was missed: see hold.py."""

from __future__ import annotations

from collections.abc import Callable

from ari_agent.calls.call_log import CallLog
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.hold import Hold, HoldReason
from ari_agent.calls.media.commands import Command


class CallerHold:
    """The hold of one call. leg: its caller's channel. tell: takes the commands for its agent."""

    def __init__(self, leg: CallerLeg, tell: Callable[[Command], None], log: CallLog) -> None:
        self._leg, self._tell, self._log = leg, tell, log
        self._hold = Hold()

    def begin(self, reason: HoldReason) -> None:
        """Note why the caller stops listening; the agent is told, unless they did not listen before."""
        if command := self._hold.begin(reason):
            self._tell(command)

    def end(self, reason: HoldReason) -> None:
        """Note that a reason is over; the agent is told if the caller listens again because of that."""
        if command := self._hold.end(reason):
            self._tell(command)

    async def events_missed(self) -> None:
        """Ask Asterisk whether the caller's phone holds the call; where it cannot tell, all stays as it is."""
        held = await self._leg.is_held()
        if held is not None and held != self._hold.by_phone:
            self._log.warning(
                "the caller's phone %s the call: an event was missed", "holds" if held else "no longer holds"
            )
            (self.begin if held else self.end)(HoldReason.PHONE)

    async def audio_again(self) -> None:
        """End the hold, unless Asterisk knows that the phone holds the call: then it is the phone's own music."""
        if self._hold.by_phone and not await self._leg.is_held():
            self._log.warning("the caller's audio comes again: the hold is over, an event was missed")
            self.end(HoldReason.PHONE)
