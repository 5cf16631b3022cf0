"""Channel variables `AGENTVAR_name`, which the dialplan sets before `Stasis()` to hand values to the agent.

Asterisk can read a variable whose name is known, but lists none. It announces each one as it is set, though, to an
application that subscribed to all channels; so they are collected as they go by, and are complete when the StasisStart
that follows them arrives.

A value that is not UTF-8 is never announced, nor can it be read as it is. That there is one shows in a step of the
dialplan that is left out, see untold_steps.py. If the variable's name is known from other channels, it is then read
with `?` in place of every byte that is no ASCII.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Set
from typing import Final, Protocol

from ari_agent.asterisk.events import AriEvent, Channel, ChannelDestroyed, ChannelVarset
from ari_agent.asterisk.untold_steps import UntoldSteps

log = logging.getLogger(__name__)

# Underscores before the name make Asterisk hand the variable down to channels that this one creates.
_AGENT_VARIABLE: Final = re.compile(r"_{0,2}AGENTVAR_(?P<name>[^\s(){}$]{1,128})", re.DOTALL)
# Channels of a whole PBX are seen; those whose end is never reported must not be kept for ever.
_MAX_CHANNELS: Final = 10_000
_MAX_VARIABLES: Final = 200
_MAX_NAMES: Final = 50
"""How many names are remembered beyond their channels."""
_READABLE: Final = re.compile(r"[A-Za-z0-9_]+")  # not what would end a function's argument
_NO_ASCII: Final = "".join(rf"\\x{byte:02x}" for byte in range(0x80, 0x100))
_UNTOLD: Final = (
    "step %d of %s in [%s] has text that is no UTF-8 (Latin-1?), of which Asterisk makes no event: %s. Convert it in "
    "the dialplan: ${ICONV(iso-8859-1,utf-8,...)}"
)


class AgentVariables:
    """The `AGENTVAR_` variables that have been set so far, by channel."""

    def __init__(self) -> None:
        self._channels: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._names: dict[str, None] = {}
        self.untold = UntoldSteps()

    @property
    def names(self) -> Set[str]:
        """Names of variables that any channel had so far, as many as are remembered."""
        return self._names.keys()

    def __len__(self) -> int:
        return len(self._channels)

    def observe(self, event: AriEvent) -> None:
        """Remember a variable that was set; forget a channel that is gone."""
        self.untold.observe(event)
        match event:
            case ChannelVarset(channel=Channel(id=channel_id)) if found := _AGENT_VARIABLE.fullmatch(event.variable):
                variables = self._channels.setdefault(channel_id, {})
                if found["name"] in variables or len(variables) < _MAX_VARIABLES:
                    variables[found["name"]] = event.value
                if len(self._names) < _MAX_NAMES and _READABLE.fullmatch(found["name"]):
                    self._names[found["name"]] = None
                if len(self._channels) > _MAX_CHANNELS:
                    self._channels.popitem(last=False)
            case ChannelDestroyed():
                self._channels.pop(event.channel.id, None)

    def of(self, channel_id: str) -> Mapping[str, str]:
        """The variables of one channel: name, without `AGENTVAR_`, and value."""
        return self._channels.get(channel_id, {})


class AgentVariablesSource(Protocol):
    """Whoever collects the variables as they are set, and reads others: Ari."""

    @property
    def agent_variables(self) -> AgentVariables:
        """The variables of all channels."""

    async def read_variable(self, channel_id: str, name: str) -> str | None:
        """Return a channel variable or dialplan function; None when it cannot be read."""


async def read_agent_variables(ari: AgentVariablesSource, channel: Channel) -> dict[str, str]:
    """The `AGENTVAR_` variables of a channel that has just entered the application, by name without the prefix.

    Also those that ari.conf's `channelvars` puts into every event: they are there even if the connection was not when
    the dialplan set them. Where one is not UTF-8, the log says so.
    """
    told = {
        found["name"]: value
        for name, value in channel.channelvars.items()
        if value and (found := _AGENT_VARIABLE.fullmatch(name))
    }
    variables = told | dict(ari.agent_variables.of(channel.id))
    if step := ari.agent_variables.untold.of(channel.id):
        read = {}
        for name in ari.agent_variables.names - variables.keys():
            if value := await ari.read_variable(channel.id, f"REPLACE(AGENTVAR_{name},{_NO_ASCII},?)"):
                read[name] = value
        outcome = ", ".join(f"AGENTVAR_{name} has ? instead" for name in read) or "an AGENTVAR_ that it sets is missing"
        log.warning(_UNTOLD, step.priority, step.exten, step.context, outcome, extra={"channel_id": channel.id})
        variables |= read
    return variables
