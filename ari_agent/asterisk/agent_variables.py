"""Channel variables `AGENTVAR_name`, which the dialplan sets before `Stasis()` to hand values to the agent.

Asterisk can read a variable whose name is known, but lists none. It announces each one as it is set, though, to an
application that subscribed to all channels; so they are collected as they go by, and are complete when the StasisStart
that follows them arrives.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, Protocol

from ari_agent.asterisk.events import AriEvent, Channel, ChannelDestroyed, ChannelVarset

# Underscores before the name make Asterisk hand the variable down to channels that this one creates.
_AGENT_VARIABLE: Final = re.compile(r"_{0,2}AGENTVAR_(?P<name>[^\s(){}$]{1,128})", re.DOTALL)
# Channels of a whole PBX are seen; those whose end is never reported must not be kept for ever.
_MAX_CHANNELS: Final = 10_000
_MAX_VARIABLES: Final = 200


class AgentVariables:
    """The `AGENTVAR_` variables that have been set so far, by channel."""

    def __init__(self) -> None:
        self._channels: OrderedDict[str, dict[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._channels)

    def observe(self, event: AriEvent) -> None:
        """Remember a variable that was set; forget a channel that is gone."""
        match event:
            case ChannelVarset(channel=Channel(id=channel_id)) if found := _AGENT_VARIABLE.fullmatch(event.variable):
                variables = self._channels.setdefault(channel_id, {})
                if found["name"] in variables or len(variables) < _MAX_VARIABLES:
                    variables[found["name"]] = event.value
                if len(self._channels) > _MAX_CHANNELS:
                    self._channels.popitem(last=False)
            case ChannelDestroyed():
                self._channels.pop(event.channel.id, None)

    def of(self, channel_id: str) -> Mapping[str, str]:
        """The variables of one channel: name, without `AGENTVAR_`, and value."""
        return self._channels.get(channel_id, {})


class AgentVariablesSource(Protocol):
    """Whoever collects the variables as they are set: Ari."""

    @property
    def agent_variables(self) -> AgentVariables:
        """The variables of all channels."""


async def read_agent_variables(ari: AgentVariablesSource, channel: Channel) -> dict[str, str]:
    """The `AGENTVAR_` variables of a channel that has just entered the application, by name without the prefix.

    Also those that ari.conf's `channelvars` puts into every event: they are there even if the connection was not when
    the dialplan set them.
    """
    told = {
        found["name"]: value
        for name, value in channel.channelvars.items()
        if value and (found := _AGENT_VARIABLE.fullmatch(name))
    }
    return told | dict(ari.agent_variables.of(channel.id))
