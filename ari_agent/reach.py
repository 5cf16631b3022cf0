"""Connects to a server without saying anything to it, and tells in plain words which step failed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
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
    shown = await _connected(host, port, tls)
    return dict(shown.getpeercert() or {}) if shown else {}


async def certificate(host: str, port: int) -> dict[str, Any]:
    """Return what Python tells of the certificate of a TLS port, whoever vouches for it.

    Raises: NotReached, also where it is not valid any more.
    """
    shown = await _connected(host, port, unverified())
    # Python takes only those apart that it has verified, so this one is made its own authority.
    own_authority = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own_authority.check_hostname = False
    own_authority.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    own_authority.load_verify_locations(cadata=shown.getpeercert(binary_form=True) or b"" if shown else b"")
    return await connect(host, port, own_authority)


def days_left(certificate: dict[str, Any], *, now_s: float) -> float:
    """Return for how many days a certificate is valid. now_s: the time, in seconds since 1970."""
    return (ssl.cert_time_to_seconds(certificate["notAfter"]) - now_s) / _DAY_S


def unverified() -> ssl.SSLContext:
    """Return TLS settings that take every certificate, as Asterisk's do without `verify_server`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _connected(host: str, port: int, tls: ssl.SSLContext | None) -> ssl.SSLObject | None:
    """Open a connection and cut it; return what TLS has told, None without TLS. Raises: NotReached."""
    address = await address_of(host, port)
    opened = await _tcp(address, port)
    try:
        if tls is None:
            return None
        return await _handshake(opened, tls, host, port)
    finally:
        opened.close()


async def _tcp(address: str, port: int) -> socket.socket:
    remedy = "is the server running, and does a firewall let this machine through?"
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except TimeoutError:
        why = f"no TCP connection to {address} port {port} in {PATIENCE_S:g} s"
    except OSError as error:
        why = f"no TCP connection to {address} port {port}: {os.strerror(error.errno) if error.errno else error}"
    except asyncio.CancelledError:
        opened.close()
        raise
    else:
        return opened
    opened.close()
    raise NotReached(why, remedy)


async def _handshake(opened: socket.socket, tls: ssl.SSLContext, host: str, port: int) -> ssl.SSLObject:
    """Do the handshake on a connection that is there, and leave it to the caller to close."""
    loop, where = asyncio.get_running_loop(), f"{host} port {port}"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        wrapped = tls.wrap_bio(incoming, outgoing, server_hostname=host)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    wrapped.do_handshake()
                    return wrapped
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(opened, outgoing.read())
                received = await loop.sock_recv(opened, 65_536)
                incoming.write(received) if received else incoming.write_eof()
    except TimeoutError:
        raise NotReached(f"no TLS handshake with {where} in {PATIENCE_S:g} s", "does it speak TLS?") from None
    except ssl.SSLCertVerificationError as error:
        raise NotReached(
            f"the certificate of {where} is not accepted: {error.verify_message}",
            "renew it there, or let this machine trust its authority (SSL_CERT_FILE)",
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise NotReached(f"TLS handshake with {where} failed: {why}", "does it speak TLS?") from None
