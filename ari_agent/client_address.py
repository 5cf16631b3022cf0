"""Who counts as one client, by an IP address. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def client_of(address: str) -> str:
    """Return who counts as one: an IPv4 address, or the 64 bits of an IPv6 address that one subscriber is given."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return found.packed[:8].hex()
    return str(found.ipv4_mapped if isinstance(found, IPv6Address) else found)
