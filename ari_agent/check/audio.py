"""The checks of audio: an echo through Asterisk and back, the ringing tone and the music that callers are to hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from ari_agent.asterisk.ari import ExternalMedia
from ari_agent.check.finding import Finding, failed, ok, warning
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import MalformedPacket, NoRtpPort
from ari_agent.media.rtp import RtpStream, parse
from ari_agent.media.socket import RtpPorts, RtpSocket, host_and_port

_PATIENCE_S: Final = 2.0
"""For audio to arrive: the ringing tone of every country sounds within it, and music begins."""
_FRAME_S: Final = 0.02
_QUIET: Final = 0x60
"""A mu-law byte whose lower seven bits are less is louder than about -43 dBFS."""
_TONE: Final = bytes((0x10, 0x90)) * 80
"""20 ms of the loudest tone that survives G.711 everywhere: 4 kHz."""


@dataclass(slots=True)
class _Leg:
    """One external media channel of Asterisk and the socket at our end of it. arrived: payloads of its RTP."""

    media: ExternalMedia
    socket: RtpSocket
    here: str
    arrived: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    @property
    def there(self) -> str:
        """Return where Asterisk says that it sends from."""
        return host_and_port(self.media.host, self.media.port)

    async def hears(self, wanted: Callable[[bytes], bool]) -> bool:
        """Tell whether a wanted payload arrives in time."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not wanted(await self.arrived.get()):
                    pass
        except TimeoutError:
            return False
        return True


async def check_echo(around: Surroundings) -> list[Finding]:
    """Join two audio channels to this machine in Asterisk, and hear at one what is said to the other."""
    ports = _ports(around)
    try:
        async with _leg(around, ports) as first, _leg(around, ports) as second:
            async with around.inspection.playing(first.media.channel_id, "silence"):
                if not await first.hears(bool):
                    return _nothing_comes(first)
            async with around.inspection.joined(first.media.channel_id, second.media.channel_id):
                speaking = asyncio.create_task(_speak(first))
                try:
                    heard = await second.hears(audible)
                finally:
                    speaking.cancel()
    except NoRtpPort:
        return _no_port(around)
    if not heard:
        return failed(
            f"audio from Asterisk arrives, and what this machine sends from {first.here} to Asterisk's {first.there} "
            "does not come back",
            "open Asterisk's UDP ports (rtp.conf, rtpstart to rtpend) for this machine in the firewalls between them",
        )
    return ok(f"audio goes from {first.here} to Asterisk's {first.there} and comes back")


async def check_ringing(around: Surroundings) -> list[Finding]:
    """Hear the tone that a caller hears while somebody else is dialled for them."""
    return await _sound(
        around,
        "ring",
        ok("callers hear ringing while a transfer's target is dialled"),
        warning(
            "Asterisk makes no ringing tone: callers hear silence while a transfer's target is dialled",
            "copy asterisk-conf/indications.conf to /etc/asterisk, then restart Asterisk",
        ),
    )


async def check_music(around: Surroundings) -> list[Finding]:
    """Hear the music that a caller on hold hears."""
    return await _sound(
        around,
        "moh",
        ok("callers on hold hear music"),
        warning(
            "Asterisk plays no music on hold: callers hear silence",
            "put 8 kHz mono WAV files into the directory that musiconhold.conf names in [default], and load "
            "res_musiconhold.so and format_wav.so (asterisk -rx 'moh show files')",
        ),
    )


async def _sound(around: Surroundings, sound: str, heard: list[Finding], missing: list[Finding]) -> list[Finding]:
    try:
        async with (
            _leg(around, _ports(around)) as leg,
            around.inspection.playing(leg.media.channel_id, sound),
        ):
            return heard if await leg.hears(audible) else missing
    except NoRtpPort:
        return _no_port(around)


def audible(payload: bytes) -> bool:
    """Tell whether a mu-law payload has anything but silence in it."""
    return any(byte & 0x7F < _QUIET for byte in payload)


def _ports(around: Surroundings) -> RtpPorts:
    settings = around.settings
    return RtpPorts(settings.rtp_host, *settings.rtp_ports, announced_host=settings.rtp_announced_host)


@asynccontextmanager
async def _leg(around: Surroundings, ports: RtpPorts) -> AsyncIterator[_Leg]:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    def on_datagram(datagram: bytes) -> None:
        try:
            arrived.put_nowait(parse(datagram).payload)
        except MalformedPacket:
            return

    socket = ports.open(on_datagram)
    try:
        here = host_and_port(ports.announced_host, socket.address[1])
        async with around.inspection.media(here) as media:
            socket.accept_from(media.host, media.port)
            yield _Leg(media, socket, here, arrived)
    finally:
        socket.close()


async def _speak(leg: _Leg) -> None:
    stream = RtpStream(ssrc=1, sequence=0, timestamp=0)
    while True:
        leg.socket.send(stream.packet(_TONE))
        await asyncio.sleep(_FRAME_S)


def _nothing_comes(leg: _Leg) -> list[Finding]:
    if leg.socket.foreign:
        return failed(
            f"Asterisk says that it sends audio from {leg.there}, and it comes from {leg.socket.stranger}: something "
            "between them rewrites addresses",
            "let the two reach each other without NAT: one network for both containers, `network_mode: host`, or a "
            "route from Asterisk's own address",
        )
    return failed(
        f"Asterisk sends audio from {leg.there} to {leg.here}, and nothing arrives",
        "ARI_AGENT_RTP_HOST (behind NAT and in containers ARI_AGENT_RTP_ANNOUNCED_HOST) must be an address at which "
        "Asterisk reaches this machine, and a firewall must let the UDP ports ARI_AGENT_RTP_PORTS through",
    )


def _no_port(around: Surroundings) -> list[Finding]:
    first, last = around.settings.rtp_ports
    return failed(f"every port of ARI_AGENT_RTP_PORTS ({first}-{last}) is taken", "choose another or a larger range")
