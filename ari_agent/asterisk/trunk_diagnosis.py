"""Finds out, for the log, why the far end of a trunk cannot be reached.

Asterisk makes 503 of all such failures and says no more. So what it tried is tried once more from here: the name, the
connection, the TLS handshake. Nothing is sent. Where the controller runs on another machine than Asterisk, the answer
is that of the controller's machine.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ari_agent.asterisk.trunk_destinations import trunk_address
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.reach import NotReached, address_of, connect, unverified


async def why_unreachable(config: TrunkConfig) -> str:
    """Return what is wrong on the way to a trunk's far end, as half a sentence. Never raises."""
    address = trunk_address(config)
    if address is None:
        return "it has no termination_uri"
    whole, transport = address
    try:
        parts = urlsplit(f"//{whole}")
        host, given = parts.hostname or "", parts.port
    except ValueError:
        return f"{whole} is no address"
    port = given or (5061 if transport == "tls" else 5060)
    try:
        where = f"{await address_of(host, port)} port {port}"
        if transport == "udp":
            return f"{where} over UDP: a wrong address, a firewall, or nobody there"
        # As Asterisk does without `verify_server`: the question is whether it speaks TLS.
        await connect(host, port, unverified() if transport == "tls" else None)
    except NotReached as error:
        return f"{error}{', unless it has SRV records alone' if error.has_no_address and not given else ''}"
    return (
        f"{where} takes {transport.upper()} connections from here: it answered so itself, did not speak SIP, "
        "or Asterisk has no transport of that kind"
    )
