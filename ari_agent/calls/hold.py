"""Hold: the caller does not listen, because their phone holds the call, or because they are away in a transfer. Pure.

A phone holds a call with a re-INVITE whose audio is `sendonly` or `inactive` (RFC 3264 section 8.4); Asterisk reports
ChannelHold, and ChannelUnhold when the phone takes the call back. Meanwhile Asterisk may play its music on hold to us,
as it would to any far end, and the agent must not take that for its caller: it hears silence.

    ChannelHold, REFER sent ──▶ CallerAway      ChannelUnhold, REFER failed ──▶ CallerBack

An event that was lost, because Asterisk was out of reach, is made up for: after each reconnection Asterisk is asked
whether the phone holds the call, and so it is when the caller's audio comes again after a pause. Where Asterisk cannot
tell, that audio is proof enough that the hold is over.

Both may be at once: a phone that takes the call back while its REFER still waits is not there yet, and one that comes
back from a failed REFER while it holds the call is not either.
"""

from __future__ import annotations

from enum import Enum

from ari_agent.calls.media.commands import CallerAway, CallerBack


class HoldReason(Enum):
    """The reasons for which a caller does not listen to the agent."""

    PHONE = "the caller's phone holds the call"
    TRANSFER = "the caller is away in a transfer"


class Hold:
    """Whether one caller listens, as far as Asterisk's events and our own transfers tell."""

    def __init__(self) -> None:
        self._reasons: set[HoldReason] = set()

    @property
    def by_phone(self) -> bool:
        """Return whether the caller's phone holds the call."""
        return HoldReason.PHONE in self._reasons

    def begin(self, reason: HoldReason) -> CallerAway | None:
        """Note why the caller stops listening; return CallerAway, or None where they did not listen before."""
        was_held = bool(self._reasons)
        self._reasons.add(reason)
        return None if was_held else CallerAway()

    def end(self, reason: HoldReason) -> CallerBack | None:
        """Note that a reason is over; return CallerBack if the caller listens again because of that, otherwise None."""
        if reason not in self._reasons:
            return None
        self._reasons.remove(reason)
        return None if self._reasons else CallerBack()
