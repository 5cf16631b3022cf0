"""The checks of this machine: the database, the address of the audio, the address of the HTTP API."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import aiohttp

from ari_agent.check.finding import Finding
from ari_agent.errors import NoRtpPort, StoreError
from ari_agent.media.socket import RtpPorts
from ari_agent.store.store import Store

_PATIENCE_S = 2.0


async def check_database(database_url: str, *, folder_is_made: bool = False) -> Finding:
    """Tell whether `serve` could write to the database. Makes none, and changes none.

    folder_is_made: `serve` makes its folder, too, where it is missing.
    """
    try:
        store = Store(database_url)
        try:
            await store.try_out(folder_is_made=folder_is_made)
        finally:
            await store.close()
    except StoreError as error:
        return Finding("database", problem=f"ARI_AGENT_DATABASE_URL: {error}")
    return Finding("database")


def audio_address_problem(host: str, announced_host: str) -> str | None:
    """Bind a UDP port at the address of the audio; returns what is wrong and what to do, None where it works.

    announced_host: the numeric address that Asterisk is told instead of host; `""`: host.
    """
    advice = "set it to an address of this machine that Asterisk reaches (`ip address`)"
    try:
        numeric = ip_address(host)
    except ValueError:
        return f"ARI_AGENT_RTP_HOST is {host}, which is no numeric address: {advice}"
    announced = ip_address(announced_host) if announced_host else numeric
    if announced.is_unspecified or announced.version != numeric.version:
        return (
            f"with ARI_AGENT_RTP_HOST {host}, Asterisk cannot send audio to {announced}: set "
            f"ARI_AGENT_RTP_ANNOUNCED_HOST to the IPv{numeric.version} address at which Asterisk reaches this machine"
        )
    family = socket.AF_INET6 if numeric.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            return (
                f"ARI_AGENT_RTP_HOST: cannot bind {host}: {error.strerror}: {advice}; where Asterisk reaches it at an "
                "address that it does not have itself (NAT, a container), that goes to ARI_AGENT_RTP_ANNOUNCED_HOST"
            )
    return None


async def check_rtp(host: str, first: int, last: int, *, announced_host: str = "") -> Finding:
    """Bind a UDP port of the range (0 and 0: any) at the address of the audio. See audio_address_problem."""
    what = "audio"
    if problem := audio_address_problem(host, announced_host):
        return Finding(what, problem=problem)
    try:
        RtpPorts(host, first, last).open(lambda _: None).close()
    except NoRtpPort:
        return Finding(
            what, problem=f"every port of ARI_AGENT_RTP_PORTS ({first}-{last}) is taken: choose another range"
        )
    return Finding(what)


async def check_api(host: str, port: int) -> tuple[Finding, bool]:
    """Bind the address of the HTTP API; returns the finding, and whether a controller serves there already."""
    try:
        server = await asyncio.start_server(lambda *_: None, host, port)
    except OSError as error:
        if await _serves(host, port):
            return Finding("api"), True
        return Finding("api", problem=f"ARI_AGENT_BIND: cannot listen on {host}:{port}: {error.strerror}"), False
    server.close()
    await server.wait_closed()
    return Finding("api"), False


async def _serves(host: str, port: int) -> bool:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as http,
            http.get(url) as response,
        ):
            return response.status == 200 and await response.json() == {"status": "ok"}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False
