"""Connects to a server without saying anything to it, and tells in plain words which step failed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from ari_agent.name_resolver import NAMES

PATIENCE_S: Final = 2.0
"""For each step: the name, the connection, the TLS handshake."""
_DAY_S: Final = 86_400


class NotReached(Exception):
    """Raised when a server cannot be connected to. Its text says which step failed.

    remedy: what to do about it. has_no_address: the name exists and has no address; it may have SRV records.
    """

    def __init__(self, what: str, remedy: str, *, has_no_address: bool = False) -> None:
        super().__init__(what)
        self.remedy, self.has_no_address = remedy, has_no_address


async def address_of(host: str, port: int) -> str:
    """Return the first IP address of a host. Raises: NotReached."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return (await NAMES.addresses(host, port))[0].host
    except TimeoutError:
        raise NotReached(f"no answer about the name {host} from the DNS", "look at /etc/resolv.conf") from None
    except socket.gaierror as error:
        raise NotReached(
            f"the name {host} is not known to the DNS: {error.strerror}",
            "is it spelt right?",
            has_no_address=error.errno == socket.EAI_NODATA,
        ) from None
    except (OSError, ValueError):
        raise NotReached(f"{host} is no name that the DNS could know", "is it spelt right?") from None


async def connect(host: str, port: int, tls: ssl.SSLContext | None) -> dict[str, Any]:
    """Open a connection and close it again; return what Python tells of the certificate, as `getpeercert` does.

    tls: how to verify the certificate; None for a connection without TLS. Raises: NotReached.
    """
    async with _connected(host, port) as writer:
        if tls is None:
            return {}
        await _handshake(writer, tls, host, port)
        return dict(writer.get_extra_info("peercert") or {})


async def certificate(host: str, port: int) -> dict[str, Any]:
    """Return what Python tells of the certificate of a TLS port, whoever vouches for it.

    Raises: NotReached, also where it is not valid any more.
    """
    async with _connected(host, port) as writer:
        await _handshake(writer, unverified(), host, port)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    # Python takes only those apart that it has verified, so this one is made its own authority.
    own_authority = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own_authority.check_hostname = False
    own_authority.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    own_authority.load_verify_locations(cadata=shown)
    return await connect(host, port, own_authority)


def days_left(certificate: dict[str, Any], *, now_s: float) -> float:
    """Return for how many days a certificate is valid. now_s: the time, in seconds since 1970."""
    return (ssl.cert_time_to_seconds(certificate["notAfter"]) - now_s) / _DAY_S


def unverified() -> ssl.SSLContext:
    """Return TLS settings that take every certificate, as Asterisk's do without `verify_server`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[asyncio.StreamWriter]:
    address = await address_of(host, port)
    remedy = "is the server running, and does a firewall let this machine through?"
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        raise NotReached(f"no TCP connection to {address} port {port} in {PATIENCE_S:g} s", remedy) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise NotReached(f"no TCP connection to {address} port {port}: {why}", remedy) from None
    try:
        yield writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _handshake(writer: asyncio.StreamWriter, tls: ssl.SSLContext, host: str, port: int) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await writer.start_tls(tls, server_hostname=host)
    except TimeoutError:
        raise NotReached(f"no TLS handshake with {host} port {port} in {PATIENCE_S:g} s", "is this TLS?") from None
    except ssl.SSLCertVerificationError as error:
        raise NotReached(
            f"the certificate of {host} port {port} is not accepted: {error.verify_message}",
            "renew it there, or let this machine trust its authority (SSL_CERT_FILE)",
        ) from None
    except OSError as error:
        why = getattr(error, "reason", None) or error
        raise NotReached(f"TLS handshake with {host} port {port} failed: {why}", "does it speak TLS?") from None
