"""Asterisk, as calls see it: typed REST requests and an ordered stream of events.

Written for this product, because PyPI's `ari` does not import on Python 3 and `asyncari` is untyped. Every request is
checked in a test against the JSON description that Asterisk ships.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.asterisk.agent_variables import AgentVariables
from ari_agent.asterisk.answers import read, read_all, text_in
from ari_agent.asterisk.channel_variables import ChannelVariables
from ari_agent.asterisk.event_socket import HEARTBEAT_S, EventCounters, EventSocket
from ari_agent.asterisk.events import AriEvent, Bridge, Channel
from ari_agent.asterisk.messages import MessageDestination
from ari_agent.asterisk.modules import CONTROL, told_missing
from ari_agent.asterisk.rest import REQUEST_TIMEOUT_S, RequestTotals, Rest, path_of
from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.asterisk.shared_channels import SharedChannels
from ari_agent.asterisk.stasis_entries import StasisEntries
from ari_agent.errors import AsteriskRefused, ChannelGone
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

ADD_PATIENCE_S: Final = 10.0
"""How long a new channel may take to enter the application where Asterisk has too much to do; its caller rings on."""
_FIRST_ADD_RETRY_S: Final = 0.02
_LAST_ADD_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ExternalMedia:
    """An external media channel. host and port: where its RTP goes, and the only address that its RTP comes from."""

    channel_id: str
    host: str
    port: int


class Ari:
    """One application in one Asterisk: its requests, and its events.

    url: up to and including `/ari`. app: the name in `Stasis(app)`. text_messages: are received. acting_as: see Rest.
    started_at: when this Asterisk was started, by its own clock. entered_before: ids of the channels that were in the
    application before the websocket was opened; no event tells of them.
    Every request raises AsteriskUnreachable, AsteriskRefused or ChannelGone, and waits no longer than timeout_s.
    """

    def __init__(
        self,
        *,
        url: str,
        username: str,
        password: str,
        app: str,
        timeout_s: float = REQUEST_TIMEOUT_S,
        acting_as: Callable[[], int | None] = lambda: 0,
        heartbeat_s: float = HEARTBEAT_S,
        text_messages: bool = True,
    ) -> None:
        self.app = app
        self.asterisk_version: str | None = None
        self.started_at: str | None = None
        self.entered_before: frozenset[str] = frozenset()
        self._agent_variables = AgentVariables()
        self._entries = StasisEntries()
        self._rest = Rest(url=url, username=username, password=password, timeout_s=timeout_s, acting_as=acting_as)
        self._events = EventSocket(self._rest, app=app, heartbeat_s=heartbeat_s, text_messages=text_messages)
        self._variables = ChannelVariables(self._rest)
        self._shared_channels = SharedChannels(self._rest, self._variables, app=app)

    def __repr__(self) -> str:
        return f"<Ari {self._rest.url} app={self.app} {'connected' if self.connected else 'not connected'}>"

    @property
    def agent_variables(self) -> AgentVariables:
        """The `AGENTVAR_` variables that the dialplan has set on any channel."""
        return self._agent_variables

    @property
    def url(self) -> str:
        """Return where its REST interface is, without user and password."""
        return self._rest.url

    @property
    def connected(self) -> bool:
        """Return whether the event websocket is open now."""
        return self._events.connected

    @property
    def unreachable_since_s(self) -> float | None:
        """Return since when nobody answers at the URL, by the event loop's clock; None while somebody does."""
        return self._events.unreachable_since_s

    @property
    def rest_seconds(self) -> Mapping[tuple[str, str], RequestTotals]:
        """Return the number and time of requests, by operation and outcome (`2xx`, `4xx`, `5xx`, `unreachable`)."""
        return self._rest.totals

    @property
    def event_counters(self) -> EventCounters:
        """Return how many events were received and dropped, and how often the websocket was opened."""
        return self._events.counters

    async def run(self, on_event: Callable[[AriEvent], None], on_connected: Callable[[], Awaitable[None]]) -> None:
        """Receive events until cancelled; on_event and on_connected are those of `EventSocket.run`."""

        async def connected() -> None:
            await self.asterisk_info()
            await on_connected()

        def received(event: AriEvent) -> None:
            self._agent_variables.observe(event)
            self._entries.observe(event)
            on_event(event)

        await self._events.run(received, connected, self._look_before)

    async def _look_before(self) -> None:
        """Look at what will not be told once the websocket is open, and whether callers can be controlled at all.

        Where they cannot, there is to be no websocket: then Stasis() fails, and the dialplan refuses callers at once.
        """
        running = await self.modules()
        if running and (missing := told_missing(CONTROL, running)):
            raise AsteriskRefused("GET", "/asterisk/modules", 200, missing)
        self.entered_before = await self._shared_channels.entered(await self.channels())

    async def catch_up(self) -> None:
        """Wait until every event that Asterisk has sent so far has been handed over."""
        await self._events.catch_up()

    async def reconnect(self) -> None:
        """Connect anew, which is not done as long as Asterisk lacks what the control of callers needs."""
        await self._events.reconnect()

    async def subscribe_channel(self, channel_id: str) -> None:
        """Ask for a channel's events also while it is not in the application."""
        path = path_of("applications", self.app, "subscription")
        await self._rest.request("subscribe", "POST", path, body={"eventSource": f"channel:{channel_id}"})

    def bind(self) -> None:
        """Bind this task to the node as which this process acts. See Rest.bind."""
        self._rest.bind()

    async def close(self) -> None:
        """Close the connection pool; `run` is to be cancelled first."""
        await self._rest.close()

    @property
    def shared_channels(self) -> SharedChannels:
        """The channels that are offered to several controllers, and those of them that are ours."""
        return self._shared_channels

    # --- the caller's channel

    async def ring(self, channel_id: str) -> None:
        """Send 180 Ringing to the caller; one who is answered already hears the PBX's ringing tone instead."""
        await self._rest.request("ring", "POST", path_of("channels", channel_id, "ring"))

    async def stop_ringing(self, channel_id: str) -> None:
        """Stop the ringing tone of `ring`."""
        await self._rest.request("ringStop", "DELETE", path_of("channels", channel_id, "ring"))

    async def start_music(self, channel_id: str, music_class: str) -> None:
        """Play music on hold to a channel. A class that Asterisk does not have plays nothing, and is no error."""
        path = path_of("channels", channel_id, "moh")
        await self._rest.request("startMoh", "POST", path, body={"mohClass": music_class})

    async def stop_music(self, channel_id: str) -> None:
        """Stop the music of `start_music`."""
        await self._rest.request("stopMoh", "DELETE", path_of("channels", channel_id, "moh"))

    async def answer(self, channel_id: str) -> None:
        """Send 200 OK to the caller."""
        await self._rest.request("answer", "POST", path_of("channels", channel_id, "answer"))

    async def transfer_progress(self, channel_id: str, state: str) -> None:
        """Tell a far end, by NOTIFY, how its REFER goes.

        state: channel_progress (100), channel_answered (200), channel_unavailable (503) or channel_declined (603).
        """
        path = path_of("channels", channel_id, "transfer_progress")
        await self._rest.request("transfer_progress", "POST", path, parameters={"states": state})

    async def hang_up(self, channel_id: str, *, q850_cause: int | None = None) -> None:
        """End a channel; before the answer the cause becomes a SIP failure status.

        A channel that is gone is no error.
        """
        parameters = {} if q850_cause is None else {"reason_code": str(q850_cause)}
        try:
            await self._rest.request("hangup", "DELETE", path_of("channels", channel_id), parameters=parameters)
        except ChannelGone:
            log.debug("already gone", extra={"channel_id": channel_id})

    async def continue_in_dialplan(
        self,
        channel_id: str,
        *,
        context: str | None = None,
        extension: str | None = None,
        priority: int | None = None,
        label: str | None = None,
    ) -> None:
        """Have a channel leave the application; without arguments it goes on at the line after `Stasis()`."""
        wanted = {"context": context, "extension": extension, "priority": priority, "label": label}
        body = {name: value for name, value in wanted.items() if value is not None}
        await self._rest.request("continueInDialplan", "POST", path_of("channels", channel_id, "continue"), body=body)

    async def move(self, channel_id: str) -> None:
        """Take a channel over into our application from another one, where it is; StasisStart follows.

        Our name is written on it, so that it comes back to us from a detour through the dialplan.
        """
        body = {"app": self.app}
        await self._rest.request("move", "POST", path_of("channels", channel_id, "move"), body=body)
        await self._shared_channels.mark(channel_id)

    async def send_dtmf(self, channel_id: str, digits: str, *, duration_ms: int = 100, between_ms: int = 100) -> None:
        """Send RFC 4733 digits to the far end of a channel; returns before they are played."""
        body = {"dtmf": digits, "duration": duration_ms, "between": between_ms}
        await self._rest.request("sendDTMF", "POST", path_of("channels", channel_id, "dtmf"), body=body)

    async def play(self, channel_id: str, media: str, playback_id: str) -> None:
        """Play `sound:...` or `tone:...` to a channel; PlaybackFinished follows."""
        await self._rest.request(
            "playWithId", "POST", path_of("channels", channel_id, "play", playback_id), body={"media": media}
        )

    async def stop_playback(self, playback_id: str) -> None:
        """Stop a sound. One that is over is no error."""
        try:
            await self._rest.request("stop", "DELETE", path_of("playbacks", playback_id))
        except ChannelGone:
            log.debug("already over", extra={"playback_id": playback_id})

    async def rtp_statistics(self, channel_id: str) -> RtpStatistics:
        """Return what Asterisk has counted of a channel's RTP so far."""
        path = path_of("channels", channel_id, "rtp_statistics")
        return read(RtpStatistics, "GET", path, await self._rest.request("rtpstatistics", "GET", path))

    # --- calls of our own

    async def create_channel(self, channel_id: str, endpoint: str, variables: Mapping[str, str]) -> Channel:
        """Make a channel towards an endpoint (`PJSIP/number@endpoint`, `Local/extension@context`), in our application.

        Nothing is sent before `dial`.

        variables: channel variables and functions such as `PJSIP_HEADER(add,X-Name)`, set before the INVITE is made.
        AsteriskRefused with status 500 when there is no such endpoint.
        """
        path = path_of("channels", "create")
        body = {"channelId": channel_id, "endpoint": endpoint, "app": self.app, "variables": dict(variables)}
        return read(Channel, "POST", path, await self._rest.request("create", "POST", path, body=body))

    async def dial(self, channel_id: str, *, timeout_s: int) -> None:
        """Send the INVITE of a channel and return at once.

        Events tell what comes of it; CANCEL follows after timeout_s. A fresh channel is waited for: see _once_entered.
        """
        path, body = path_of("channels", channel_id, "dial"), {"timeout": timeout_s}
        await self._once_entered([channel_id], lambda: self._rest.request("dial", "POST", path, body=body), refused=409)

    async def snoop(self, channel_id: str, snoop_id: str) -> None:
        """Make a second channel, in our application, that hears what comes from a channel; it ends with it."""
        path = path_of("channels", channel_id, "snoop", snoop_id)
        await self._rest.request("snoopChannelWithId", "POST", path, body={"spy": "in", "app": self.app})

    # --- text messages

    async def send_message(self, destination: MessageDestination, body: str) -> None:
        """Send a SIP MESSAGE (RFC 3428); returns when Asterisk has taken it, whatever the far end says.

        ChannelGone when there is no such endpoint any more.
        """
        wanted = {"to": destination.to, "from": destination.from_uri, "body": body}
        await self._rest.request("sendMessage", "PUT", path_of("endpoints", "sendMessage"), body=wanted)

    # --- SIP objects in Asterisk's memory

    async def put_object(self, kind: str, object_id: str, fields: Mapping[str, str]) -> None:
        """Make or replace a live SIP object. kind: auth, aor, endpoint, identify or registration."""
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
        await self._rest.request("updateObject", "PUT", _object_path(kind, object_id), body=body)

    async def delete_object(self, kind: str, object_id: str) -> None:
        """Remove a live SIP object. One that is gone is no error."""
        try:
            await self._rest.request("deleteObject", "DELETE", _object_path(kind, object_id))
        except ChannelGone:
            log.debug("already gone", extra={"object_id": object_id})

    async def endpoints(self) -> list[str]:
        """Return the names of all SIP endpoints, also those of other applications."""
        return list(await self.endpoint_states())

    async def endpoint_states(self) -> dict[str, str]:
        """Return the state of every SIP endpoint by its name: `online`, `offline` or `unknown`."""
        answer = await self._rest.request("listByTech", "GET", path_of("endpoints", "PJSIP"))
        items: Iterable[Any] = answer if isinstance(answer, list) else ()
        entries = (item for item in items if isinstance(item, dict) and "resource" in item)
        return {str(entry["resource"]): str(entry.get("state")) for entry in entries}

    async def metrics(self) -> str | None:
        """Return what Asterisk's module res_prometheus tells; None where there is none, or it is not for us."""
        return await self._rest.text_beside("metrics")

    # --- media and bridges

    async def external_media(
        self,
        *,
        channel_id: str,
        external_host: str,
        audio_format: str = "ulaw",
        variables: Mapping[str, str] | None = None,
    ) -> ExternalMedia:
        """Make a channel, in our application, that exchanges RTP with external_host (`host:port`).

        variables: channel variables and functions, set before it enters the application.
        Its StasisStart comes on the event websocket, sometimes after this returns.
        """
        path = path_of("channels", "externalMedia")
        body: dict[str, object] = {
            "channelId": channel_id,
            "app": self.app,
            "external_host": external_host,
            "format": audio_format,
        }
        if variables:
            body["variables"] = dict(variables)
        channel = read(Channel, "POST", path, await self._rest.request("externalMedia", "POST", path, body=body))
        local = dict(channel.channelvars)
        names = ("UNICASTRTP_LOCAL_ADDRESS", "UNICASTRTP_LOCAL_PORT")
        if not all(local.get(name) for name in names):
            local = await self.read_variables(channel.id, names)
        host, port = (local.get(name, "") for name in names)
        if not host or not port.isdecimal():
            raise AsteriskRefused("POST", path, 200, f"no local RTP address, but {host!r} and {port!r}")
        return ExternalMedia(channel.id, host, int(port))

    async def create_bridge(self, bridge_id: str) -> None:
        """Make a mixing bridge. AsteriskRefused with status 409 when there is one of this name."""
        await self._rest.request("createWithId", "POST", path_of("bridges", bridge_id), body={"type": "mixing"})

    async def add_to_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into a bridge, taking them out of the one they are in.

        Fresh channels are waited for: see _once_entered.
        """
        path = path_of("bridges", bridge_id, "addChannel")
        body = {"channel": list(channel_ids)}
        await self._once_entered(
            channel_ids, lambda: self._rest.request("addChannel", "POST", path, body=body), refused=422
        )

    async def _once_entered(
        self, channel_ids: Sequence[str], ask: Callable[[], Awaitable[Any]], *, refused: int
    ) -> None:
        """Ask for what Asterisk refuses with this status until fresh channels have entered the application.

        Asked again when they have, for up to ADD_PATIENCE_S. Their StasisStart says when. For one that is lost, we ask
        now and then, but ever more rarely: a burst of calls that all ask again at once would slow the very Asterisk
        that is to answer.
        """
        give_up_s = asyncio.get_running_loop().time() + ADD_PATIENCE_S
        pause_s = _FIRST_ADD_RETRY_S
        with self._entries.of(*channel_ids) as entered:
            while True:
                entered.clear()
                try:
                    await ask()
                except AsteriskRefused as error:
                    if error.status != refused or asyncio.get_running_loop().time() > give_up_s:
                        raise
                else:
                    return
                await is_set_within(entered, pause_s)
                pause_s = min(2 * pause_s, _LAST_ADD_RETRY_S)

    async def remove_from_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Take channels out of a bridge."""
        path = path_of("bridges", bridge_id, "removeChannel")
        await self._rest.request("removeChannel", "POST", path, body={"channel": list(channel_ids)})

    async def destroy_bridge(self, bridge_id: str) -> None:
        """Dissolve a bridge; its channels stay. One that is gone is no error."""
        try:
            await self._rest.request("destroy", "DELETE", path_of("bridges", bridge_id))
        except ChannelGone:
            log.debug("already gone", extra={"bridge_id": bridge_id})

    # --- variables

    async def read_variable(self, channel_id: str, name: str) -> str | None:
        """Return a channel variable, or a dialplan function such as `CHANNEL(pjsip,call-id)`.

        None when it cannot be read.
        """
        return await self._variables.read(channel_id, name)

    async def read_variables(self, channel_id: str, names: Sequence[str]) -> dict[str, str]:
        """Return those of the channel variables and dialplan functions that can be read, by name."""
        return await self._variables.read_many(channel_id, names)

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable. The value travels as JSON: nothing in it is expanded or cut."""
        await self._variables.set(channel_id, name, value)

    async def set_variables(self, channel_id: str, variables: Mapping[str, str]) -> None:
        """Set channel variables, in one request where Asterisk offers that."""
        await self._variables.set_many(channel_id, variables)

    # --- what there is

    async def channels(self) -> list[Channel]:
        """Return all channels of this Asterisk, also those of other applications."""
        return read_all(Channel, "/channels", await self._rest.request("list", "GET", "/channels"))

    async def bridges(self) -> list[Bridge]:
        """Return all bridges of this Asterisk, also those of other applications."""
        return read_all(Bridge, "/bridges", await self._rest.request("list", "GET", "/bridges"))

    async def modules(self) -> frozenset[str]:
        """Return the names of the modules that are running, such as `chan_rtp.so`."""
        answer = await self._rest.request("listModules", "GET", "/asterisk/modules")
        items = [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
        return frozenset(str(item.get("name")) for item in items if item.get("status") == "Running")

    async def asterisk_info(self) -> str:
        """Return Asterisk's version, and keep it in `asterisk_version`, and its start in `started_at`."""
        answer = await self._rest.request("getInfo", "GET", "/asterisk/info", parameters={"only": "system,status"})
        version = text_in(answer, "system", "version") or "unknown"
        self.started_at = text_in(answer, "status", "startup_time")
        if version != self.asterisk_version:
            self.asterisk_version = version
            self._variables.forget()
        return version


def _object_path(kind: str, object_id: str) -> str:
    # Always res_pjsip, also for kinds that another module of Asterisk owns.
    return path_of("asterisk", "config", "dynamic", "res_pjsip", kind, object_id)
