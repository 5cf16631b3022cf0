"""The checks of trunks: whether their far ends are reached from here, and what Asterisk has of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from ari_agent.check.each import MOST, look_at_each
from ari_agent.check.finding import Finding, Status, ok, skipped
from ari_agent.check.sip_options import ask_options
from ari_agent.check.surroundings import Surroundings
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.reach import PATIENCE_S, NotReached, address_of, connect, unverified

_NOT_YET: Final = frozenset({"trying", "unknown"})
"""States of a registration that may be none of a fault."""
_LOG: Final = "docs/trunks.md says what each state means"
_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}


async def check_trunk_hosts(around: Surroundings) -> list[Finding]:
    """Connect to the far end of each trunk over TCP or TLS, or ask it for its options over UDP.

    It is this machine that asks. Where Asterisk is elsewhere, its own way to there may be another.
    """
    hosts = around.stored.trunk_hosts()
    if not hosts:
        return skipped("no number has a trunk")
    return await look_at_each(
        list(hosts.items()),
        lambda host: _host(*host[0], host[1]),
        label=lambda host: f"{host[0][0]} over {host[0][1].upper()}",
    )


async def check_trunk_states(around: Surroundings) -> list[Finding]:
    """Ask Asterisk how the trunk of each number is: whether it is there, registered, and answers OPTIONS."""
    numbers = around.stored.numbers
    if not around.stored.trunks():
        return skipped("no number has a trunk")
    if not around.serving:
        return skipped("no controller runs here that would have put the trunks into Asterisk")
    states = await around.inspection.trunk_statuses(numbers, now_ms=int(around.now_s() * 1000))
    faults = [state for state in states if state.last_error]
    registered = sum(state.registration == "registered" for state in states)
    found = [_fault(state) for state in faults[:MOST]]
    if left := len(states) - len(faults):
        found += ok(f"{left} trunks are in Asterisk, none known to be wrong, {registered} of them registered")
    return found


def _fault(state: TrunkStatus) -> Finding:
    what = f"trunk of {state.phone_number}: {state.last_error}"
    works = state.state == "reachable" or state.registration in _NOT_YET
    fails = state.state == "unreachable" or state.registration == "rejected"
    return Finding(Status.WARNING if works and not fails else Status.FAILED, what, _LOG)


async def _host(whole: str, transport: str, numbers: Sequence[str]) -> Finding:
    """Return what is found at the far end. whole: `host` or `host:port`. transport: udp, tcp or tls."""
    shown = f"{whole} over {transport.upper()} ({numbers[0]}{' and others' if len(numbers) > 1 else ''})"
    parts = urlsplit(f"//{whole}")
    host, given = parts.hostname or "", parts.port
    port = given or _PORTS[transport]
    try:
        if transport == "udp":
            return await _udp(shown, host, port)
        await connect(host, port, unverified() if transport == "tls" else None)
    except NotReached as error:
        if error.has_no_address and given is None:
            return Finding(
                Status.WARNING, f"{shown}: {error}", "well, if it has SRV records, which Asterisk looks up and this not"
            )
        return Finding(Status.FAILED, f"{shown}: {error}", error.remedy)
    return Finding(Status.OK, f"{shown} takes connections")


async def _udp(shown: str, host: str, port: int) -> Finding:
    address = await address_of(host, port)
    try:
        answer = await ask_options(address, port, name=host, patience_s=PATIENCE_S)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        return Finding(
            Status.FAILED, f"{shown}: nobody listens at {address} port {port}: {why}", "is the address right?"
        )
    if answer is None:
        return Finding(
            Status.WARNING,
            f"{shown}: {address} port {port} answers no OPTIONS from this machine in {PATIENCE_S:g} s",
            "if calls out fail, ask the carrier whether it knows this address; some answer nobody else",
        )
    return Finding(Status.OK, f"{shown} answers: {answer}")
