"""Events of the Asterisk REST Interface, as far as calls need them. Pure.

Source: Asterisk's own description, `/usr/share/asterisk/rest-api/events.json`; a test compares. A call brings some
fourteen events, most of them of kinds nobody here needs: those are told apart before any model is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json

from ari_agent.errors import MalformedEvent


class _Model(BaseModel):
    """A frozen model with Asterisk's own names, which ignores keys that a newer Asterisk adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CallerId(_Model):
    """Name and number as received, which the far end wrote; `""` when withheld."""

    name: str = ""
    number: str = ""


class DialplanPosition(_Model):
    """Where in the dialplan a channel is. app_name and app_data: the application it runs, such as `Stasis`."""

    context: str = ""
    exten: str = ""
    priority: int = 0
    app_name: str = ""
    app_data: str = ""


class Channel(_Model):
    """A channel at the moment of the event.

    state: Down, Rsrved, OffHook, Dialing, Ring, Ringing, Up, Busy, Dialing Offhook, Pre-ring or Unknown.
    protocol_id: the SIP Call-ID on a PJSIP channel; None before Asterisk 20.0.
    channelvars: variables that ari.conf's `channelvars` names, and those of an external media channel.
    """

    id: str
    name: str
    state: str
    protocol_id: str | None = None
    caller: CallerId = CallerId()
    connected: CallerId = CallerId()
    dialplan: DialplanPosition = DialplanPosition()
    caller_rdnis: str = ""
    creationtime: str = ""
    channelvars: Mapping[str, str] = Field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Return whether the channel runs `StasisBroadcast()`: in whose application, if any, that does not say."""
        return self.dialplan.app_name == "StasisBroadcast"

    def is_in(self, app: str) -> bool:
        """Return whether the channel runs `Stasis(app)`."""
        return self.dialplan.app_name == "Stasis" and self.dialplan.app_data.split(",")[0] == app

    @property
    def sip_call_id(self) -> str | None:
        """Return the SIP Call-ID, for the log and `telephony_identifier`; None when Asterisk did not tell."""
        return self.protocol_id or None


class Bridge(_Model):
    """A bridge of Asterisk. channels: ids of the channels in it."""

    id: str
    technology: str = ""
    bridge_type: str = ""
    name: str = ""
    channels: tuple[str, ...] = ()


class Playback(_Model):
    """A sound that is played. target_uri: `channel:ID` or `bridge:ID`.

    state: queued, playing, continuing, done or failed.
    """

    id: str
    media_uri: str = ""
    target_uri: str = ""
    state: str = ""


class Endpoint(_Model):
    """A SIP endpoint of pjsip.conf, or one that was made by ARI. resource: its name."""

    technology: str
    resource: str


class TextMessage(_Model):
    """A SIP MESSAGE (RFC 3428).

    from_: the From header without its parameters. to: `pjsip:USER@HOST` of the request.
    body: at most 1023 bytes; Asterisk hands over a longer one as `""`.
    variables: every header by name, and PJSIP_RECVADDR (`address:port` that it came from) and PJSIP_TRANSPORT (`udp`,
    `tcp`, `tls`, `ws`, `wss`).
    """

    model_config = ConfigDict(serialize_by_alias=True)

    from_: str = Field(alias="from")
    to: str
    body: str
    variables: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("variables", mode="before")
    @classmethod
    def _without_variables(cls, given: Any) -> Any:
        return given if isinstance(given, dict) else {}  # Asterisk's description calls them optional


class AriEvent(_Model):
    """The base of all events. timestamp: Asterisk's clock, ISO 8601 with milliseconds."""

    type: ClassVar[str]
    application: str = ""
    timestamp: str = ""

    @property
    def channel_id(self) -> str | None:
        """Return the channel whose call this event belongs to; None when it concerns no one channel."""
        return None


class _ChannelEvent(AriEvent):
    channel: Channel

    @property
    def channel_id(self) -> str | None:
        return self.channel.id


class StasisStart(_ChannelEvent):
    """A channel entered the application.

    args: what stands behind the name in `Stasis(app,...)`. replace_channel: the channel whose place in a bridge of the
    application this one has taken, by an attended transfer or an INVITE with Replaces (RFC 3891); that one leaves.
    """

    type: ClassVar[str] = "StasisStart"
    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


class CallBroadcast(_ChannelEvent):
    """A channel is in `StasisBroadcast()`, and enters the application that claims it first; see `Ari.claim`."""

    type: ClassVar[str] = "CallBroadcast"


class StasisEnd(_ChannelEvent):
    """A channel left the application: hung up, or continued in the dialplan. The last event of an inbound channel."""

    type: ClassVar[str] = "StasisEnd"


class ChannelHangupRequest(_ChannelEvent):
    """Somebody hangs up a channel.

    cause: Q.850; None on a plain BYE. tech_cause: the SIP status; None on a plain BYE. soft: Asterisk itself asks.
    """

    type: ClassVar[str] = "ChannelHangupRequest"
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool = False


class ChannelDestroyed(_ChannelEvent):
    """A channel is gone. Reaches an application only for channels that it originated or subscribed to."""

    type: ClassVar[str] = "ChannelDestroyed"
    cause: int
    cause_txt: str = ""
    tech_cause: int | None = None


class ChannelDtmfReceived(_ChannelEvent):
    """A key on the far end's phone was released. digit: one of 0-9 A-D * #."""

    type: ClassVar[str] = "ChannelDtmfReceived"
    digit: str
    duration_ms: int

    @property
    def ended_ms(self) -> int | None:
        """Return when the key was released, in milliseconds since 1970; None where the timestamp is none."""
        try:
            return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)
        except ValueError:
            return None


class ChannelHold(_ChannelEvent):
    """The far end put us on hold: no RTP will come until ChannelUnhold."""

    type: ClassVar[str] = "ChannelHold"
    musicclass: str | None = None


class ChannelUnhold(_ChannelEvent):
    """The far end took us off hold."""

    type: ClassVar[str] = "ChannelUnhold"


class ChannelStateChange(_ChannelEvent):
    """The state of a channel changed; `channel.state` is the new one."""

    type: ClassVar[str] = "ChannelStateChange"


class ChannelDialplan(_ChannelEvent):
    """A channel has come to another step of the dialplan: `channel.dialplan`."""

    type: ClassVar[str] = "ChannelDialplan"


class ChannelUserevent(AriEvent):
    """A dialplan or an ARI client sent an event of its own. Only the one that tests the connection is used."""

    type: ClassVar[str] = "ChannelUserevent"
    eventname: str
    channel: Channel | None = None

    @property
    def channel_id(self) -> str | None:
        return self.channel.id if self.channel else None


class ChannelVarset(AriEvent):
    """A channel variable was set.

    variable: as written in the dialplan, with the underscores that make channels inherit it.
    """

    type: ClassVar[str] = "ChannelVarset"
    variable: str
    value: str
    channel: Channel | None = None

    @property
    def channel_id(self) -> str | None:
        return self.channel.id if self.channel else None


class Dial(AriEvent):
    """Progress of an outgoing call. dialstatus: `""` at its start, then RINGING, PROGRESS, ANSWER, BUSY and so on."""

    type: ClassVar[str] = "Dial"
    peer: Channel
    caller: Channel | None = None
    dialstatus: str
    dialstring: str = ""

    @property
    def channel_id(self) -> str | None:
        return self.peer.id


class BridgeAttendedTransfer(AriEvent):
    """Somebody has joined the far ends of two calls, and leaves both.

    transferee, transfer_target: the far end of the call in which REFER came, and that of the other; None for a far end
    that is not one channel. Where the bridges of the two are linked, channels of Local take the transferer's places.
    """

    type: ClassVar[str] = "BridgeAttendedTransfer"
    transferee: Channel | None = None
    transfer_target: Channel | None = None

    @property
    def parties(self) -> tuple[Channel, ...]:
        """Return the channels that have been joined, as far as they are known."""
        return tuple(channel for channel in (self.transferee, self.transfer_target) if channel)


class RequestedDestination(_Model):
    """What Refer-To names. destination: the user part of its URI; host, parameters and headers are lost.

    protocol_id: the Call-ID of the call that Replaces (RFC 3891) names; None for a blind transfer.
    """

    destination: str = ""
    protocol_id: str | None = None


class ReferTo(_Model):
    """The Refer-To header of a REFER."""

    requested_destination: RequestedDestination


class ReferredBy(_Model):
    """Who has sent a REFER. source_channel: in whose dialog it came."""

    source_channel: Channel


class ChannelTransfer(AriEvent):
    """A REFER came in the dialog of a channel whose transfers are left to us; see `asterisk/caller_refer.py`.

    state: None for the REFER itself; else the echo of a `transfer_progress` of ours.
    """

    type: ClassVar[str] = "ChannelTransfer"
    refer_to: ReferTo
    referred_by: ReferredBy
    state: str | None = None

    @property
    def channel_id(self) -> str | None:
        return self.referred_by.source_channel.id


class ApplicationReplaced(AriEvent):
    """Another websocket has taken over the application's name: this one will hear nothing more."""

    type: ClassVar[str] = "ApplicationReplaced"


class PlaybackFinished(AriEvent):
    """A sound ended, or failed: see `playback.state`."""

    type: ClassVar[str] = "PlaybackFinished"
    playback: Playback

    @property
    def channel_id(self) -> str | None:
        kind, _, target_id = self.playback.target_uri.partition(":")
        return target_id if kind == "channel" and target_id else None


class TextMessageReceived(AriEvent):
    """A text message came in, outside of every call."""

    type: ClassVar[str] = "TextMessageReceived"
    endpoint: Endpoint | None = None
    message: TextMessage


EVENTS: Final[Mapping[str, type[AriEvent]]] = {
    event.type: event
    for event in (
        StasisStart,
        CallBroadcast,
        StasisEnd,
        ChannelHangupRequest,
        ChannelDestroyed,
        ChannelDtmfReceived,
        ChannelHold,
        ChannelUnhold,
        ChannelStateChange,
        ChannelDialplan,
        ChannelUserevent,
        ChannelVarset,
        Dial,
        BridgeAttendedTransfer,
        ChannelTransfer,
        ApplicationReplaced,
        PlaybackFinished,
        TextMessageReceived,
    )
}
"""The model of each kind of event that calls need, by its type."""


def parse_event(text: str | bytes) -> AriEvent | None:
    """Read one message of the event websocket; None when it is of a kind that no call needs.

    Raises MalformedEvent when it is no JSON object with a type, or lacks what its type promises.
    """
    try:
        # Its cache keeps strings for ever, and those of a call do not come again.
        message: Any = from_json(text, cache_strings="keys")
    except ValueError as error:
        raise MalformedEvent(f"no JSON: {error}") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str):
        raise MalformedEvent("no object with a type")
    model = EVENTS.get(kind)
    if model is None:
        return None
    try:
        return model.model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise MalformedEvent(f"{kind}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
