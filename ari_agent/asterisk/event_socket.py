"""The event websocket: dialled, listened to, dialled again.

Asterisk sends events to the one websocket that last connected with the application's name, and forgets those that
nobody hears. So a lost connection is replaced quickly, and after every connection the owner is told to look at what
happened meanwhile.

Two things can go wrong with a connection that is open. The peer may be gone: pings find out. And it may be deaf: an
Asterisk that cleans up after the previous websocket in the same millisecond takes the application's name from the new
one too (seen in up to 7 % of immediate reconnections to Asterisk 22.10), and then neither says so nor sends anything.
Asking it to send a user event, and receiving that, is the only proof to the contrary. It proves also that whoever had
entered the application before has been announced: both go through the application's one topic (res_stasis.c,
`stasis_app_user_event` and `stasis_app_exec`).

The websocket carries two applications. Text messages reach only who subscribes to endpoints, and that brings the events
of every channel along, those of our own calls a second time. So a second application, `{app}-messages`, subscribes to
`endpoint:PJSIP`, and its filter lets nothing but text messages through. Of several controllers of one Asterisk one has
it, as Asterisk sends every text message to every application that subscribes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from ari_agent.asterisk.events import (
    EVENTS,
    ApplicationReplaced,
    AriEvent,
    ChannelUserevent,
    TextMessageReceived,
    parse_event,
)
from ari_agent.asterisk.names import messages_app
from ari_agent.asterisk.rest import NO_RESOURCE, Rest, path_of
from ari_agent.errors import AsteriskError, AsteriskRefused, AsteriskUnreachable, ChannelGone, MalformedEvent

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.2
# Asterisk is back within seconds of a restart, and until then its callers are turned away.
LAST_RETRY_S: Final = 1.0
# A connection that lasted as long was one, and not one more of a series that ends at once.
_LASTING_S: Final = 5.0
# The log tells of the first attempts without a connection, of every new cause, and again once a minute.
_ATTEMPTS_TOLD: Final = 3
_REMINDER_S: Final = 60.0
# Against another controller of the same name: two that reconnect at once would take the calls from each other for ever.
REPLACED_RETRY_S: Final = 30.0
# A ping each 10 s, and 5 s for its pong: a peer that vanished without a FIN is noticed within 15 s.
HEARTBEAT_S: Final = 10.0
# Asterisk sends the event of a probe within a millisecond, after those that wait already. A new connection that is deaf
# should be replaced soon. One that has heard is given so many times as long: Asterisk may have too much to do, and what
# happens while a connection is replaced is lost to every call.
PROBE_TIMEOUT_S: Final = 2.0
_PATIENCE_ONCE_HEARD: Final = 5
PROBE_NAME: Final = "AriAgentProbe"
_CONNECT_TIMEOUT_S: Final = 5.0
_MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
_RANDOM: Final = random.SystemRandom()


@dataclass(slots=True)
class EventCounters:
    """What became of the events and connections of one event websocket.

    events: handed over, by type. unknown: of kinds that no call needs. malformed: dropped.
    connections: opened. replaced: connections taken over by another controller.
    deaf: connections that were open but received nothing.
    """

    events: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    malformed: int = 0
    connections: int = 0
    replaced: int = 0
    deaf: int = 0

    @property
    def reconnects(self) -> int:
        """Return the number of connections after the first."""
        return max(0, self.connections - 1)


class EventSocket:
    """The events of one application, in the order in which Asterisk sent them; text messages only where wanted."""

    def __init__(
        self,
        rest: Rest,
        *,
        app: str,
        heartbeat_s: float = HEARTBEAT_S,
        probe_timeout_s: float = PROBE_TIMEOUT_S,
        text_messages: bool = True,
    ) -> None:
        self.connected = False
        self.unreachable_since_s: float | None = None
        self.counters = EventCounters()
        self._rest = rest
        self._app = app
        self._messages_app = messages_app(app) if text_messages else None
        self._apps = (app, self._messages_app) if self._messages_app else (app,)
        self._heartbeat_s = heartbeat_s
        self._probe_timeout_s = probe_timeout_s
        self._probes: dict[str, asyncio.Event] = {}  # under way, by name
        self._told_why, self._told_s = "", 0.0
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def run(
        self,
        on_event: Callable[[AriEvent], None],
        on_connected: Callable[[], Awaitable[None]],
        before_connecting: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Connect and listen until cancelled.

        before_connecting is awaited before every connection, which is not opened if it raises AsteriskError.
        on_event is called from the reading loop, one event after the other, and must not wait. on_connected runs as a
        task after every connection, again with growing pauses while Asterisk fails it, and is cancelled with its
        connection.
        """
        attempt = 0
        while True:
            replaced = False
            try:
                await self._rest.reach()
                if before_connecting:
                    await _explained(before_connecting)
                async with EventWebsocket(self._rest, ",".join(self._apps), self._heartbeat_s) as socket:
                    began_s = asyncio.get_running_loop().time()
                    self.counters.connections += 1
                    self.connected, self._socket = True, socket
                    self.unreachable_since_s, self._told_why = None, ""
                    log.info("connected to Asterisk", extra={"url": self._rest.url, "app": self._app})
                    supervising = asyncio.create_task(self._supervise(socket, on_connected), name="ari-connected")
                    try:
                        replaced = await self._listen(socket, on_event)
                        log.warning(
                            "lost the connection to Asterisk",
                            extra={"url": self._rest.url, "close_code": socket.close_code, "replaced": replaced},
                        )
                        if asyncio.get_running_loop().time() - began_s > _LASTING_S:
                            attempt = 0
                    finally:
                        self.connected, self._socket = False, None
                        supervising.cancel()
                        await asyncio.gather(supervising, return_exceptions=True)
            except AsteriskError as error:
                self._not_connected(error, attempt)
            pause_s = REPLACED_RETRY_S if replaced else retry_s(attempt)
            attempt += 1
            await asyncio.sleep(pause_s)

    def _not_connected(self, error: AsteriskError, attempt: int) -> None:
        now_s = asyncio.get_running_loop().time()
        if not isinstance(error, AsteriskUnreachable):
            self.unreachable_since_s = None
        elif self.unreachable_since_s is None:
            self.unreachable_since_s = now_s
        why = str(error)
        if attempt < _ATTEMPTS_TOLD or why != self._told_why or now_s - self._told_s > _REMINDER_S:
            self._told_why, self._told_s = why, now_s
            log.warning("no event websocket", extra={"url": self._rest.url, "why": why})

    async def reconnect(self) -> None:
        """Close the connection, if there is one; the next one is opened as soon as `before_connecting` allows it."""
        if self._socket is not None:
            await self._socket.close()

    async def catch_up(self) -> None:
        """Wait until every event that Asterisk has sent so far has been handed over.

        Raises:
            AsteriskError: Asterisk cannot be asked, or its events are too far behind.
        """
        try:
            await self._probe(self._app, self._patience_s)
        except TimeoutError:
            raise AsteriskUnreachable(
                self._rest.url, f"its events are more than {self._patience_s:g} s behind"
            ) from None

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, on_event: Callable[[AriEvent], None]) -> bool:
        """Hand over events until the connection ends; return whether another websocket took the application over."""
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                event = parse_event(message.data)
            except MalformedEvent as error:
                self.counters.malformed += 1
                log.warning("dropped an event", extra={"why": str(error)})
                continue
            if event is None:
                self.counters.unknown += 1
                continue
            if isinstance(event, ChannelUserevent):
                if heard := self._probes.get(event.eventname):
                    heard.set()
                continue
            self.counters.events[event.type] += 1
            if isinstance(event, ApplicationReplaced):
                self.counters.replaced += 1
                log.error(
                    "another controller took over this application name; give each its own ARI_AGENT_APP",
                    extra={"app": self._app, "retry_s": REPLACED_RETRY_S},
                )
                _hand_over(on_event, event)
                return True
            _hand_over(on_event, event)
        return False

    async def _supervise(
        self, socket: aiohttp.ClientWebSocketResponse, on_connected: Callable[[], Awaitable[None]]
    ) -> None:
        """Make sure that the connection receives events, notify the owner, and close the connection once it is deaf."""
        hears = await self._prepare() and await self._notify_owner(on_connected)
        while hears:
            await asyncio.sleep(self._heartbeat_s)
            hears = await self._hears(self._patience_s)
        self.counters.deaf += 1
        log.warning("the event websocket is open but deaf: connecting anew", extra={"app": self._app})
        await socket.close()

    async def _prepare(self) -> bool:
        """Ask for the events that calls need; return whether the connection receives events."""
        attempt = 0
        while True:
            try:
                await self._choose_events()
                return await self._hears(self._probe_timeout_s)
            except ChannelGone:  # there is no application, although its websocket is open
                return False
            except AsteriskError as error:
                log.warning("cannot choose Asterisk's events yet", extra={"why": str(error)})
            await asyncio.sleep(retry_s(attempt))
            attempt += 1

    async def _choose_events(self) -> None:
        """Subscribe to the kinds of events that calls need, of all channels.

        Of all channels, because the application otherwise hears nothing of a channel before Stasis() and after it: the
        variables that the dialplan set, and a hang-up during a REFER. `endpoint:PJSIP` would do as well, but bring the
        events of the application's own channels twice, DTMF included; `channel:` does not. Asterisk forgets the
        subscription with the connection.
        """
        messages = TextMessageReceived.type
        await self._filter(self._app, [kind for kind in EVENTS if kind != messages])
        await self._subscribe(self._app, "channel:")
        if self._messages_app is None:
            return
        await self._filter(self._messages_app, [messages, ChannelUserevent.type])
        try:
            await self._subscribe(self._messages_app, "endpoint:PJSIP")
        except ChannelGone:
            raise
        except AsteriskRefused as error:
            log.warning("text messages will not be heard", extra={"why": str(error)})

    async def _filter(self, app: str, kinds: Sequence[str]) -> None:
        body = {"allowed": [{"type": kind} for kind in kinds]}
        await self._rest.request("filter", "PUT", path_of("applications", app, "eventFilter"), body=body)

    async def _subscribe(self, app: str, source: str) -> None:
        path = path_of("applications", app, "subscription")
        await self._rest.request("subscribe", "POST", path, body={"eventSource": source})

    async def _hears(self, timeout_s: float) -> bool:
        """Return whether an event that Asterisk is asked for arrives, for each of its applications.

        A request that fails says nothing about the websocket, so it counts as an arrival.
        """
        for app in self._apps:
            try:
                await self._probe(app, timeout_s)
            except (ChannelGone, TimeoutError):
                return False
            except AsteriskError:
                pass
        return True

    async def _probe(self, app: str, timeout_s: float) -> None:
        """Ask for an event and wait for it: for this one, not for an earlier one that comes late.

        Raises:
            AsteriskError: Asterisk cannot be asked. TimeoutError: the event did not come.
        """
        name = f"{PROBE_NAME}-{secrets.token_hex(8)}"
        heard = self._probes[name] = asyncio.Event()
        try:
            path = path_of("events", "user", name)
            await self._rest.request("userEvent", "POST", path, parameters={"application": app})
            async with asyncio.timeout(timeout_s):
                await heard.wait()
        finally:
            del self._probes[name]

    @property
    def _patience_s(self) -> float:
        return _PATIENCE_ONCE_HEARD * self._probe_timeout_s

    async def _notify_owner(self, on_connected: Callable[[], Awaitable[None]]) -> bool:
        """Call on_connected until it succeeds; return False when the connection has turned deaf meanwhile."""
        attempt = 0
        while True:
            try:
                await on_connected()
                return True
            except AsteriskError as error:
                log.warning("cannot look at Asterisk's calls yet", extra={"why": str(error)})
            except Exception:  # a fault in there must not end the events of every call
                log.exception("looking at Asterisk's calls failed")
                return True
            await asyncio.sleep(retry_s(attempt))
            attempt += 1
            if not await self._hears(self._patience_s):
                return False


def retry_s(attempt: int) -> float:
    """Return the pause before the next attempt, in seconds: 0.2 doubled with every attempt, up to 1.

    A random part of up to half is taken off, so that many controllers do not come back in step.
    """
    longest_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempt, 10))
    return longest_s * _RANDOM.uniform(0.5, 1.0)


def _hand_over(on_event: Callable[[AriEvent], None], event: AriEvent) -> None:
    try:
        on_event(event)
    except Exception:  # a fault in the handling of one call must not deafen all the others
        log.exception("an event could not be handled", extra={"event": event.type, "channel_id": event.channel_id})


class EventWebsocket:
    """The websocket as a context: foreign errors become ours, and it is closed in every case."""

    def __init__(self, rest: Rest, apps: str, heartbeat_s: float) -> None:
        self._rest, self._apps, self._heartbeat_s = rest, apps, heartbeat_s
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                self._socket = await self._rest.session.ws_connect(
                    f"{self._rest.url}/events",
                    params={"app": self._apps},
                    heartbeat=self._heartbeat_s,
                    max_msg_size=_MAX_EVENT_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise AsteriskRefused("GET", "/events", error.status, _hint(error.status)) from None
        except TimeoutError:
            raise AsteriskUnreachable(
                self._rest.url, f"GET /events: no answer within {_CONNECT_TIMEOUT_S:g} s"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise AsteriskUnreachable(self._rest.url, f"GET /events: {error or type(error).__name__}") from error
        return self._socket

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()


async def _explained(look: Callable[[], Awaitable[None]]) -> None:
    """Look at Asterisk; a refusal that says how the settings are wrong becomes one that tells which."""
    try:
        await look()
    except AsteriskRefused as error:
        if error.status not in (401, 403, 404) or error.message.startswith(NO_RESOURCE):
            raise
        raise AsteriskRefused(error.method, error.path, error.status, _hint(error.status)) from None


def _hint(status: int) -> str:
    match status:
        case 401:
            return "wrong ARI_AGENT_ARI_USERNAME or ARI_AGENT_ARI_PASSWORD (see ari.conf)"
        case 403:
            return "the user of ari.conf may not do this: read_only must be no"
        case 404:
            return "no ARI here: is ari.conf enabled, and does ARI_AGENT_ARI_URL end in /ari?"
        case _:
            return "expected 101 Switching Protocols"
