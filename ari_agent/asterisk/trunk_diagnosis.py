"""Finds out, for the log, why the far end of a trunk cannot be reached.

Asterisk makes 503 of all such failures and says no more. So what it tried is tried once more from here: the name, the
connection, the TLS handshake. Nothing is sent. Where the controller runs on another machine than Asterisk, the answer
is that of the controller's machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import Final
from urllib.parse import urlsplit

from ari_agent.asterisk.trunk_destinations import trunk_address
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.name_resolver import NAMES

PATIENCE_S: Final = 2.0
"""Time for each of the three steps: the name, the connection and the TLS handshake."""


async def why_unreachable(config: TrunkConfig) -> str:
    """Return what is wrong on the way to a trunk's far end, as half a sentence. Never raises."""
    address = trunk_address(config)
    if address is None:
        return "it has no termination_uri"
    whole, transport = address
    try:
        parts = urlsplit(f"//{whole}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{whole} is no address"
    try:
        found = await _look_up(host, port or (5061 if transport == "tls" else 5060))
    except (OSError, UnicodeError) as error:
        return _unknown(host, port, error)
    if transport == "udp":
        return f"{found[0]} port {found[1]} over UDP: a wrong address, a firewall, or nobody there"
    return await _connect(host, found, transport)


def _unknown(host: str, port: int | None, error: OSError | UnicodeError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer about the name {host} from the DNS"
    if isinstance(error, UnicodeError):
        return f"{host} is no name that the DNS could know"
    srv = "" if port else ", unless it has SRV records alone"
    return f"the name {host} is not known to the DNS{srv}: {error.strerror}"


async def _look_up(host: str, port: int) -> tuple[str, int]:
    async with asyncio.timeout(PATIENCE_S):
        found = await NAMES.addresses(host, port)
    return found[0].host, port


async def _connect(host: str, found: tuple[str, int], transport: str) -> str:
    where = f"{found[0]} port {found[1]}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(*found)
    except TimeoutError:
        return f"no TCP connection to {where} in {PATIENCE_S:g} s"
    except OSError as error:
        return f"no TCP connection to {where}: {os.strerror(error.errno) if error.errno else error}"
    try:
        if transport == "tls":
            # As Asterisk does without `verify_server`: the question is whether it speaks TLS.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            async with asyncio.timeout(PATIENCE_S):
                await writer.start_tls(context, server_hostname=host)
    except TimeoutError:
        return f"no TLS handshake with {where} in {PATIENCE_S:g} s"
    except (ssl.SSLError, OSError) as error:
        return f"TLS handshake with {where} failed: {getattr(error, 'reason', None) or error}"
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await writer.wait_closed()
    return (
        f"{where} takes {transport.upper()} connections from here: it answered so itself, did not speak SIP, "
        "or Asterisk has no transport of that kind"
    )
