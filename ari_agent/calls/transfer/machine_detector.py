"""Answering machine detection by Asterisk's AMD(), beside the agent.

AMD() wants a channel for itself for some two seconds. A snoop channel that hears what the far end says gives it one,
so that a human who answers is spoken to at once. When it was a machine, the channel stays until the greeting is over.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent, ChannelDestroyed, ChannelVarset, StasisStart
from ari_agent.asterisk.names import detector_channel_id, target_detector_channel_id
from ari_agent.errors import AsteriskError

log = logging.getLogger(__name__)

AMD_CONTEXT: Final = "ari-agent-amd"
AMD_EXTENSION: Final = "detect"


class Verdict(Enum):
    """What AMD() makes of who answered: the values of AMDSTATUS, without those that say that it does not know."""

    HUMAN = "HUMAN"
    MACHINE = "MACHINE"


class MachineDetector:
    """Finds out whether a human or a machine answered one call. channel_id: of the channel that listens.

    has_failed: it cannot find that out, because Asterisk has refused something.
    """

    def __init__(self, ari: Ari, *, app: str, call_id: str, of_target: bool = False) -> None:
        """of_target: it is the target of the call's transfer who answered."""
        self.channel_id = (target_detector_channel_id if of_target else detector_channel_id)(app, call_id)
        self.has_failed = False
        self._ari = ari

    async def listen(self, channel_id: str) -> None:
        """Begin to listen to a channel. What fails is logged: the call then goes on as if a human had answered."""
        try:
            await self._ari.snoop(channel_id, self.channel_id)
        except AsteriskError as error:
            log.warning("no machine detection: %s", error, extra={"channel_id": channel_id})
            self.has_failed = True

    async def analyse(self) -> None:
        """Send the listening channel through AMD(); what fails is logged."""
        try:
            await self._ari.continue_in_dialplan(self.channel_id, context=AMD_CONTEXT, extension=AMD_EXTENSION)
        except AsteriskError as error:
            log.warning("no machine detection: %s", error, extra={"channel_id": self.channel_id})
            self.has_failed = True

    def is_listening(self, event: AriEvent) -> bool:
        """Return whether this event says that the listening channel exists and waits to be analysed."""
        return isinstance(event, StasisStart) and event.channel_id == self.channel_id

    def verdict(self, event: AriEvent) -> Verdict | None:
        """Return the verdict in an event of the listening channel; None if there is none or AMD() does not know."""
        if isinstance(event, ChannelVarset) and event.variable == "AMDSTATUS":
            return next((verdict for verdict in Verdict if verdict.value == event.value), None)
        return None

    def found_nothing(self, event: AriEvent) -> bool:
        """Whether this event says that the listening channel is gone, as when the dialplan has no detection."""
        return isinstance(event, ChannelDestroyed) and event.channel_id == self.channel_id

    def greeting_is_over(self, event: AriEvent) -> bool:
        """Whether this event says that the machine is silent now, or that nobody listens for that any more.

        The second where the PBX's dialplan does not wait for silence, or has waited long enough.
        """
        return isinstance(event, ChannelDestroyed) or (
            isinstance(event, ChannelVarset) and event.variable == "WAITSTATUS" and event.value != ""
        )
