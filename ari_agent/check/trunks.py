"""The checks of trunks: whether their far ends are reached from here, and what Asterisk has of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from ari_agent.asterisk.trunks import trunk_id
from ari_agent.check.each import look_at_each
from ari_agent.check.finding import Finding, Status, failed, ok, skipped
from ari_agent.check.sip_options import ask_options
from ari_agent.check.surroundings import Surroundings
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.reach import PATIENCE_S, NotReached, address_of, connect, unverified

_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}


async def check_trunk_hosts(around: Surroundings) -> list[Finding]:
    """Connect to the far end of each trunk over TCP or TLS, or ask it for its options over UDP.

    It is this machine that asks. Where Asterisk is elsewhere, its own way to there may be another.
    """
    trunks = around.stored.trunks()
    if not trunks:
        return skipped("no number has a trunk")
    return await look_at_each(
        list(trunks.items()),
        lambda trunk: _host(*trunk[0], [number for number, _ in trunk[1]]),
        label=lambda trunk: f"{trunk[0][0]} over {trunk[0][1].upper()}",
    )


async def check_trunk_objects(around: Surroundings) -> list[Finding]:
    """Look whether Asterisk has the trunk of each number, and what it says of its state."""
    trunks = [entry for of in around.stored.trunks().values() for entry in of]
    if not trunks:
        return skipped("no number has a trunk")
    if not around.serving:
        return skipped("no controller runs here that would have put the trunks into Asterisk")
    states = [await around.inspection.endpoint_state(trunk_id(around.inspection.app, number)) for number, _ in trunks]
    absent = _numbers(trunks, states, None)
    offline = _numbers(trunks, states, "offline")
    if absent:
        return failed(
            f"Asterisk has no trunk for {absent}",
            "see the controller's log for `trunk`; a restart of the controller puts all of them there again",
        )
    if offline:
        return failed(
            f"Asterisk calls the trunk of {offline} offline: its far end answers no OPTIONS",
            "is the host right, and do the carrier's firewall and access list know this address?",
        )
    return ok(f"Asterisk has the trunks of {len(trunks)} numbers")


def _numbers(trunks: Sequence[tuple[str, TrunkConfig]], states: Sequence[str | None], state: str | None) -> str:
    numbers = [number for (number, _), found in zip(trunks, states, strict=True) if found == state]
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return ", ".join(numbers[:5]) + more


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
