"""Channel variables and dialplan functions of channels, many in one request where Asterisk offers that.

Asterisk 20.20, 22.10 and 23.4 read and write many variables at once; older ones know no such request.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ari_agent.asterisk.rest import NO_RESOURCE, Rest, path_of
from ari_agent.errors import AsteriskRefused, ChannelGone

log = logging.getLogger(__name__)

# Asterisk takes 128 names a request, and a request line of about 4 kB.
_NAMES_PER_READ: Final = 100
_CHARACTERS_PER_READ: Final = 2500
# And a body of up to 40960 bytes.
_BODY_BYTES: Final = 40_000


class ChannelVariables:
    """Reads and writes the variables of channels. Every request raises as those of Rest do."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._bulk: bool | None = None  # None: not known yet

    def forget(self) -> None:
        """Find out again what Asterisk offers: it may be another version."""
        self._bulk = None

    async def read(self, channel_id: str, name: str) -> str | None:
        """Return a channel variable, or a dialplan function such as `CHANNEL(pjsip,call-id)`.

        None when it cannot be read.
        """
        path = path_of("channels", channel_id, "variable")
        try:
            answer = await self._rest.request("getChannelVar", "GET", path, parameters={"variable": name})
        except ChannelGone as error:
            if not _lacks_variable(error):
                raise
            return None
        except AsteriskRefused as error:
            if error.status != 500:
                raise
            return None
        value = answer.get("value") if isinstance(answer, dict) else None
        return value if isinstance(value, str) else None

    async def read_many(self, channel_id: str, names: Sequence[str]) -> dict[str, str]:
        """Return those of the channel variables and dialplan functions that can be read, by name."""
        found: dict[str, str] = {}
        for some in _portions(names):
            many = await self._read_at_once(channel_id, some) if self._bulk is not False and len(some) > 1 else None
            if many is None:
                values = await asyncio.gather(*(self.read(channel_id, name) for name in some))
                many = {name: value for name, value in zip(some, values, strict=True) if value is not None}
            found |= many
        return found

    async def _read_at_once(self, channel_id: str, names: Sequence[str]) -> dict[str, str] | None:
        """Read variables in one request; None when they must be read one by one.

        That is when Asterisk is too old for it, or one of the variables cannot be read.
        """
        path = path_of("channels", channel_id, "variables")
        try:
            answer = await self._rest.request("getChannelVars", "GET", path, parameters={"variables": ",".join(names)})
        except AsteriskRefused as error:
            self._judge_bulk(error)
            return None
        self._bulk = True
        values = answer.get("variables") if isinstance(answer, dict) else None
        if not isinstance(values, dict):
            return None
        return {name: value for name in names if isinstance(value := values.get(name), str)}

    async def set(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable. The value travels as JSON: nothing in it is expanded or cut."""
        path = path_of("channels", channel_id, "variable")
        await self._rest.request("setChannelVar", "POST", path, body={"variable": name, "value": value})

    async def set_many(self, channel_id: str, variables: Mapping[str, str]) -> None:
        """Set channel variables, in one request where Asterisk offers that."""
        size_bytes = sum(len(json.dumps(item)) for pair in variables.items() for item in pair) + 8 * len(variables)
        if self._bulk is not False and len(variables) > 1 and size_bytes < _BODY_BYTES:
            path = path_of("channels", channel_id, "variables")
            try:
                await self._rest.request("setChannelVars", "POST", path, body={"variables": dict(variables)})
            except AsteriskRefused as error:
                self._judge_bulk(error)
            else:
                self._bulk = True
                return
        await asyncio.gather(*(self.set(channel_id, name, value) for name, value in variables.items()))

    def _judge_bulk(self, error: AsteriskRefused) -> None:
        """Raise the error unless setting or reading one by one may do better.

        Remembers when Asterisk does not know the bulk request at all.
        """
        if isinstance(error, ChannelGone):
            if not _lacks_variable(error):
                raise error
        elif error.message.startswith(NO_RESOURCE):
            self._bulk = False
            log.info("this Asterisk takes channel variables one by one")
        elif error.status not in (400, 500):
            raise error


def _lacks_variable(error: ChannelGone) -> bool:
    """Return whether a 404 says that the variable, and not the channel, is not there."""
    return "variable" in error.message.lower()


def _portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names in portions that fit one request."""
    portion: list[str] = []
    characters = 0
    for name in names:
        # Escaping makes three characters of one at worst, and in practice of each parenthesis and comma.
        characters += len(name) + 12
        if portion and (characters > _CHARACTERS_PER_READ or len(portion) >= _NAMES_PER_READ):
            yield portion
            portion, characters = [], len(name) + 12
        portion.append(name)
    if portion:
        yield portion
