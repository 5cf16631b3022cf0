"""Looks into an Asterisk without a call: its modules, applications, dialplan and trunks, all through ARI.

The dialplan has no resource in ARI. But a channel can read dialplan functions: DIALPLAN_EXISTS() tells whether a
context is there, and AST_CONFIG() (module func_config) reads the lines of extensions.conf. So the inspection makes a
Local channel in an application of its own, `{app}-check`, which is never dialled and goes with the inspection.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.event_socket import HEARTBEAT_S, EventWebsocket
from ari_agent.asterisk.rest import Rest, path_of
from ari_agent.asterisk.trunk_objects import trunk_context
from ari_agent.errors import ChannelGone

_MAX_LINES: Final = 500
"""Of one context and one kind of line: what stands further down is not looked at."""


class Inspection:
    """One Asterisk, looked into from outside. All methods raise AsteriskError.

    url: up to and including `/ari`. app: the name of the application whose place is looked at.
    """

    def __init__(self, *, url: str, username: str, password: str, app: str) -> None:
        self.app = app
        self.own_app = f"{app}-check"
        self._rest = Rest(url=url, username=username, password=password)
        self._ari = Ari(url=url, username=username, password=password, app=self.own_app)
        self._channel_id = f"check-{secrets.token_hex(8)}"

    async def close(self) -> None:
        """Close the connections."""
        await self._rest.close()
        await self._ari.close()

    async def version(self) -> str:
        """Return Asterisk's version."""
        return await self._ari.asterisk_info()

    async def modules(self) -> frozenset[str]:
        """Return the names of the modules that are running, such as `chan_rtp.so`."""
        return await self._ari.modules()

    async def app_is_taken(self) -> bool:
        """Tell whether a controller is connected under the application's name."""
        try:
            await self._rest.request("getApplication", "GET", path_of("applications", self.app))
        except ChannelGone:
            return False
        return True

    async def endpoint_contexts(self) -> frozenset[str]:
        """Return the dialplan contexts that calls of SIP endpoints come in at, without those of our own trunks."""
        found: set[str] = set()
        for name in await self._ari.endpoints():
            path = path_of("asterisk", "config", "dynamic", "res_pjsip", "endpoint", name)
            try:
                fields = _objects(await self._rest.request("getObject", "GET", path))
            except ChannelGone:
                continue  # deleted meanwhile
            found.update(str(item.get("value")) for item in fields if item.get("attribute") == "context")
        return frozenset(found - {trunk_context(self.app)})

    async def takes_object(self, kind: str) -> None:
        """Make a SIP object of this kind (auth, aor or endpoint) in Asterisk's memory, as a trunk does, and remove it.

        AsteriskRefused where sorcery.conf does not map the kind to memory, or Asterisk has not read it yet.
        """
        fields = {"auth_type": "userpass", "username": "check", "password": "check"} if kind == "auth" else {}
        await self._ari.put_object(kind, self.own_app, fields)
        await self._ari.delete_object(kind, self.own_app)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[None]:
        """Keep the channel that `has_context` and `lines` read through, for as long as the context lasts."""
        async with EventWebsocket(self._rest, self.own_app, HEARTBEAT_S):
            await self._ari.create_channel(self._channel_id, f"Local/s@{self.own_app}/n", {})
            try:
                yield
            finally:
                await self._ari.hang_up(self._channel_id)

    async def has_context(self, context: str, extension: str) -> bool | None:
        """Tell whether the dialplan has this extension; None where Asterisk cannot say (no module func_dialplan)."""
        answer = await self._ari.read_variable(self._channel_id, f"DIALPLAN_EXISTS({context},{extension},1)")
        return None if answer is None else answer == "1"

    async def lines(self, context: str, kind: str) -> list[str]:
        """Return the lines of one kind (`exten`, `same` or `include`) of a context of extensions.conf, in order.

        Empty where there are none, or the module func_config is not loaded.
        """
        found: list[str] = []
        while len(found) < _MAX_LINES:
            name = f"AST_CONFIG(extensions.conf,{context},{kind},{len(found)})"
            if (line := await self._ari.read_variable(self._channel_id, name)) is None:
                break
            found.append(line)
        return found


def _objects(answer: Any) -> Iterable[dict[str, Any]]:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
