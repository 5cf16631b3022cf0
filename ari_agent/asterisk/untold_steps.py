"""Steps of the dialplan that Asterisk told nothing of. Pure.

Asterisk (22.10) makes no event of text that is not UTF-8. A `Set(AGENTVAR_name=...)` with a value in Latin-1 leaves two
gaps: there is no event of the variable, and none of the step. Only the second shows, since the steps are numbered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from ari_agent.asterisk.events import (
    AriEvent,
    Channel,
    ChannelDestroyed,
    ChannelDialplan,
    ChannelVarset,
    DialplanPosition,
)

_GOES_ON: Final[Mapping[str, int]] = {
    "": 0,
    **dict.fromkeys(("Answer", "MSet", "NoOp", "Ringing", "Set", "Verbose"), 1),
}
"""How many steps after one of these applications the next one is; "" stands for a dialplan that has not begun.

Others may jump: `Goto` and its like, and those that run a dialplan of their own.
"""
# Channels of a whole PBX are seen; those whose end is never reported must not be kept for ever.
_MAX_CHANNELS: Final = 10_000


class UntoldSteps:
    """The steps that were left out so far, by channel."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, DialplanPosition] = OrderedDict()
        self._untold: dict[str, DialplanPosition] = {}

    def observe(self, event: AriEvent) -> None:
        """Follow a channel through the dialplan; forget one that is gone."""
        match event:
            case (
                ChannelDialplan(channel=Channel(id=channel_id, dialplan=now))
                | ChannelVarset(channel=Channel(id=channel_id, dialplan=now))
            ):
                before = self._at.get(channel_id)
                if before and _leaves_out(before, now):
                    self._untold.setdefault(channel_id, before.model_copy(update={"priority": _next(before)}))
                self._at[channel_id] = now
                if len(self._at) > _MAX_CHANNELS:
                    self._forget(next(iter(self._at)))
            case ChannelDestroyed():
                self._forget(event.channel.id)

    def of(self, channel_id: str) -> DialplanPosition | None:
        """The first step of a channel that was left out; None as far as all were told."""
        return self._untold.get(channel_id)

    def _forget(self, channel_id: str) -> None:
        self._at.pop(channel_id, None)
        self._untold.pop(channel_id, None)


def _next(step: DialplanPosition) -> int:
    return step.priority + _GOES_ON[step.app_name]


def _leaves_out(before: DialplanPosition, now: DialplanPosition) -> bool:
    same_place = (before.context, before.exten) == (now.context, now.exten)
    return same_place and before.app_name in _GOES_ON and now.priority > _next(before)
