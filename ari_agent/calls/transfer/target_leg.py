"""The channel to the target of one transfer: dialled, sent digits, put into a bridge, hung up.

create ─▶ dial: INVITE ─▶ rings ─▶ answers ─▶ extension digits ─▶ into a bridge
            │                │
            └── failure ─────┴── rings too long: CANCEL
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import (
    AriEvent,
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelStateChange,
    StasisEnd,
)
from ari_agent.asterisk.names import target_channel_id
from ari_agent.asterisk.target import Target
from ari_agent.calls.channel_end import end_channel
from ari_agent.calls.digits import Digits
from ari_agent.calls.sip_audio import is_encrypted
from ari_agent.calls.sip_timeline import SipTimeline
from ari_agent.contract.q850 import NORMAL_CLEARING

_DIAL_TIMEOUT_MARGIN_S: Final = 5
"""Asterisk gives up so long after we should have: it matters only if we died meanwhile."""


@dataclass(frozen=True, slots=True)
class Gone:
    """How a target's channel ended. sip_status, q850_cause: None where nothing was told, as after a plain BYE."""

    sip_status: int | None = None
    q850_cause: int | None = None


@dataclass(frozen=True, slots=True)
class Signalling:
    """Where it is noted that a target was hung up, which no event tells. now_ms: milliseconds since the epoch."""

    timeline: SipTimeline
    now_ms: Callable[[], int]


class TargetLeg:
    """The channel to one target. attempt: 0 to 9, another for each transfer of a call.

    exists: Asterisk may have the channel, as far as we know. Every method raises AsteriskError,
    but for `end`.
    """

    def __init__(self, ari: Ari, signalling: Signalling, *, app: str, call_id: str, attempt: int) -> None:
        self.channel_id = target_channel_id(app, call_id, attempt)
        self.exists = False
        self._ari, self._signalling = ari, signalling
        self._digits = Digits(self._send_digits)

    def adopt(self, channel_id: str) -> None:
        """Take over a channel that an earlier run has made."""
        self.channel_id, self.exists = channel_id, True

    async def create(self, target: Target) -> None:
        """Make the channel; nothing is sent yet. AsteriskRefused with status 500 where the trunk is not there."""
        if made := target.made_before:
            await self._ari.put_object("endpoint", made.id, made.fields)
        self.exists = True  # from here on there may be something to end, whatever fails
        await self._ari.create_channel(self.channel_id, target.endpoint, target.variables)

    async def dial(self, *, ring_ms: int) -> None:
        """Send the INVITE. Events tell what comes of it; Asterisk gives up only after we should have."""
        await self._ari.dial(self.channel_id, timeout_s=math.ceil(ring_ms / 1000) + _DIAL_TIMEOUT_MARGIN_S)

    def is_answered(self, event: AriEvent) -> bool:
        """Whether this event says that the target has answered."""
        return isinstance(event, ChannelStateChange) and event.channel.state == "Up"

    def gone(self, event: AriEvent) -> Gone | None:
        """Return how the channel ended, where this event says that it has."""
        match event:
            case ChannelHangupRequest(cause=cause, tech_cause=status):
                return Gone(status, cause)
            case ChannelDestroyed(cause=cause, tech_cause=status):
                return Gone(status, cause or None)
            case StasisEnd():
                return Gone()
        return None

    async def is_encrypted(self) -> bool | None:
        """Return whether there is audio, and it is SRTP; None where Asterisk cannot tell."""
        return await is_encrypted(self._ari, self.channel_id)

    async def send_extension(self, digits: str) -> None:
        """Play DTMF digits to the target, to their end."""
        if await self._digits.begin(digits):
            await self._digits.play()

    async def _send_digits(self, digits: str) -> None:
        await self._ari.send_dtmf(self.channel_id, digits)

    async def join(self, bridge_id: str) -> None:
        """Put the target into a bridge, taking it out of the one it is in."""
        await self._ari.add_to_bridge(bridge_id, self.channel_id)

    async def end(self, q850_cause: int | None) -> None:
        """Send CANCEL or BYE; whatever fails, the channel ends: see end_channel. None: normal clearing."""
        if self.exists:
            cause = q850_cause or NORMAL_CLEARING
            self._signalling.timeline.ending(leg="target")
            was_there = await end_channel(self._ari, self.channel_id, {}, q850_cause=cause)
            self.exists = False
            if was_there:
                self._signalling.timeline.hung_up(self._signalling.now_ms(), q850_cause=cause, leg="target")
