"""Looks into an Asterisk without a call: its modules, applications, dialplan, trunks and clock, all through ARI.

The dialplan has no resource in ARI. But a channel can read dialplan functions: DIALPLAN_EXISTS() tells whether a
context is there, and AST_CONFIG() (module func_config) reads the lines of extensions.conf. So the inspection makes a
Local channel, which is never dialled and goes with the inspection. It is in an application of the inspection's own,
`{app}-check-{pid}`: a controller that runs under `{app}` meanwhile hears nothing of it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from yarl import URL

from ari_agent.asterisk.ari import Ari, ExternalMedia
from ari_agent.asterisk.event_socket import HEARTBEAT_S, EventWebsocket
from ari_agent.asterisk.rest import Rest, path_of
from ari_agent.asterisk.trunk_inquiry import trunk_statuses
from ari_agent.asterisk.trunk_objects import trunk_context
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.errors import AsteriskError, AsteriskRefused, ChannelGone

_MAX_LINES: Final = 500
"""Of one context and one kind of line: what stands further down is not looked at."""
_LINES_AT_ONCE: Final = 8
_NOT_ENTERED: Final = 409
"""What Asterisk answers about a new channel that is not in the application yet."""
_LOOKS: Final = 50
_LOOK_AGAIN_S: Final = 0.02
_REQUEST_S: Final = 3.0
"""For the connection and once more for the answer: who looks on wants to know that it is slow."""
_LONGEST_MEDIA_S: Final = 30
"""A channel with audio ends by itself after this, even if nobody is left to hang it up."""


class Inspection:
    """One Asterisk, looked into from outside. All methods raise AsteriskError.

    url: up to and including `/ari`. app: the name of the application whose place is looked at. apps: those of all
    controllers that are looked after, where there are several; their names and those of trunks begin with app.
    """

    def __init__(self, *, url: str, username: str, password: str, app: str, apps: Sequence[str] = ()) -> None:
        self.app = app
        self.apps = tuple(apps) or (app,)
        self.url = url
        self.own_app = f"{app}-check-{os.getpid()}"
        self._rest = Rest(url=url, username=username, password=password, timeout_s=_REQUEST_S)
        self._ari = Ari(url=url, username=username, password=password, app=self.own_app, timeout_s=_REQUEST_S)
        self._channel_id = f"{self.own_app}-{secrets.token_hex(8)}"
        self._made = AsyncExitStack()
        self._entering = asyncio.Lock()
        self._entered = self._has_channel = False

    async def close(self) -> None:
        """Remove what was made in Asterisk, and close the connections. Raises nothing."""
        try:
            await self._made.aclose()
        except AsteriskError:
            pass  # it cannot be asked any more, and what was made in it goes with its own time
        finally:
            await self._rest.close()
            await self._ari.close()

    @property
    def host(self) -> str:
        """Return the host of Asterisk's REST interface."""
        return URL(self._rest.url).host or ""

    async def version(self) -> str:
        """Return Asterisk's version."""
        return await self._ari.asterisk_info()

    async def modules(self) -> frozenset[str]:
        """Return the names of the modules that are running, such as `chan_rtp.so`."""
        return await self._ari.modules()

    async def app_is_taken(self, app: str) -> bool:
        """Tell whether a controller is connected under this name."""
        try:
            await self._rest.request("getApplication", "GET", path_of("applications", app))
        except ChannelGone:
            return False
        return True

    async def apps_that_share(self) -> Sequence[str]:
        """Return the applications among which the dialplan shares calls; none where it has not several."""
        await self.make_channel()
        listed = await self._ari.read_variable(self._channel_id, "ARI_AGENT_APPS") or ""
        apps = [app for app in listed.split("&") if app]
        return apps if len(apps) > 1 else ()

    async def endpoint_fields(self, field: str) -> dict[str, str]:
        """Return one field of every SIP endpoint, by the endpoint's name, without those of our own trunks."""
        found: dict[str, str] = {}
        for name in await self._ari.endpoints():
            fields = await self.sip_object("endpoint", name)
            if fields and fields.get("context") != trunk_context(self.app):
                found[name] = fields.get(field, "")
        return found

    async def sip_object(self, kind: str, name: str) -> dict[str, str] | None:
        """Return the fields of a SIP object. kind: endpoint, aor, transport and so on; None where there is no such."""
        path = path_of("asterisk", "config", "dynamic", "res_pjsip", kind, name)
        try:
            fields = _objects(await self._rest.request("getObject", "GET", path))
        except ChannelGone:
            return None
        return {str(item.get("attribute")): str(item.get("value")) for item in fields}

    async def trunk_statuses(self, numbers: Iterable[PhoneNumber], *, now_ms: int) -> Sequence[TrunkStatus]:
        """Return how the trunks of these numbers are; see `asterisk.trunk_inquiry`."""
        return await trunk_statuses(self._ari, self.app, numbers, now_ms=now_ms)

    async def takes_object(self, kind: str) -> None:
        """Make a SIP object of this kind (auth, aor or endpoint) in Asterisk's memory, as a trunk does, and remove it.

        AsteriskRefused where sorcery.conf does not map the kind to memory, or Asterisk has not read it yet.
        """
        fields = {"auth_type": "userpass", "username": "check", "password": "check"} if kind == "auth" else {}
        await self._ari.put_object(kind, self.own_app, fields)
        await self._ari.delete_object(kind, self.own_app)

    async def make_channel(self) -> None:
        """Make the channel that variables are read through, where it is not there yet. Needs the right to write."""
        await self._enter()
        async with self._entering:
            if not self._has_channel:
                self._made.push_async_callback(self._ari.hang_up, self._channel_id)
                await self._ari.create_channel(self._channel_id, f"Local/s@{self.own_app}/n", {})
                self._has_channel = True

    async def time_s(self) -> int | None:
        """Return what Asterisk's clock shows, in seconds since 1970; None where it does not say."""
        await self.make_channel()
        shown = await self._ari.read_variable(self._channel_id, "EPOCH")
        return int(shown) if shown and shown.isdecimal() else None

    async def has_context(self, context: str, extension: str) -> bool | None:
        """Tell whether the dialplan has this extension; None where Asterisk cannot say (no module func_dialplan)."""
        await self.make_channel()
        answer = await self._ari.read_variable(self._channel_id, f"DIALPLAN_EXISTS({context},{extension},1)")
        return None if answer is None else answer == "1"

    async def lines(self, context: str, kind: str) -> list[str]:
        """Return the lines of one kind (`exten`, `same` or `include`) of a context of extensions.conf, in order.

        Empty where there are none, or the module func_config is not loaded.
        """
        await self.make_channel()
        found: list[str] = []
        while len(found) < _MAX_LINES:
            numbers = range(len(found), len(found) + _LINES_AT_ONCE)
            names = [f"AST_CONFIG(extensions.conf,{context},{kind},{number})" for number in numbers]
            values = await self._ari.read_variables(self._channel_id, names)
            found += [values[name] for name in names if name in values]
            if len(values) < len(names):
                break
        return found

    @asynccontextmanager
    async def media(self, external_host: str) -> AsyncIterator[ExternalMedia]:
        """Keep a channel that exchanges RTP (mu-law) with external_host (`host:port`), as every call has one."""
        await self._enter()
        channel_id = f"{self.own_app}-{secrets.token_hex(8)}"
        try:
            yield await self._ari.external_media(
                channel_id=channel_id,
                external_host=external_host,
                variables={"TIMEOUT(absolute)": str(_LONGEST_MEDIA_S)},
            )
        finally:
            await self._ari.hang_up(channel_id)

    @asynccontextmanager
    async def joined(self, *channel_ids: str) -> AsyncIterator[None]:
        """Keep these channels in a bridge, so that each hears the others."""
        bridge_id = f"{self.own_app}-bridge-{secrets.token_hex(8)}"
        try:
            await self._ari.create_bridge(bridge_id)
            await self._ari.add_to_bridge(bridge_id, *channel_ids)
            yield
        finally:
            await self._ari.destroy_bridge(bridge_id)

    @asynccontextmanager
    async def playing(self, channel_id: str, sound: str) -> AsyncIterator[None]:
        """Have Asterisk make a sound in a channel that is in no bridge. sound: `silence`, `ring` or `moh`."""
        path = path_of("channels", channel_id, sound)
        for looks_left in range(_LOOKS, -1, -1):
            try:
                await self._rest.request(f"start {sound}", "POST", path)
                break
            except AsteriskRefused as error:
                if error.status != _NOT_ENTERED or not looks_left:
                    raise
            await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            yield
        finally:
            await self._rest.request(f"stop {sound}", "DELETE", path)

    async def _enter(self) -> None:
        async with self._entering:
            if not self._entered:
                await self._made.enter_async_context(EventWebsocket(self._rest, self.own_app, HEARTBEAT_S))
                self._made.push_async_callback(self._forgotten)
                self._entered = True

    async def _forgotten(self) -> None:
        """Wait until Asterisk has let go of the channels, whose names it otherwise keeps with that of the application.

        It removes an application when its websocket closes, if nothing is left in it, and does not look again.
        """
        for _ in range(_LOOKS):
            answer = await self._rest.request("getApplication", "GET", path_of("applications", self.own_app))
            if not isinstance(answer, dict) or not (answer.get("channel_ids") or answer.get("bridge_ids")):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)


def _objects(answer: Any) -> Iterable[dict[str, Any]]:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
