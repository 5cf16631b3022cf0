"""Asks Asterisk how trunks are, with two requests for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.registration_states import registration_states
from ari_agent.asterisk.trunk_status import TrunkFacts, trunk_status
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.errors import AsteriskError


async def trunk_statuses(
    ari: Ari, app: str, numbers: Iterable[PhoneNumber], *, now_ms: int, unsettled: frozenset[str] = frozenset()
) -> Sequence[TrunkStatus]:
    """Return how the trunk of each of these numbers is; numbers without a trunk are left out.

    app: the name that the trunks begin with in Asterisk. now_ms: the time, in milliseconds since 1970. unsettled:
    numbers whose trunk was made just now, see TrunkFacts. Never raises AsteriskError: where Asterisk is out of reach
    every state is unknown, and `last_error` says so.
    """
    facts = replace(await _facts(ari), unsettled=unsettled)

    def found() -> Sequence[TrunkStatus]:
        all_of_them = (
            trunk_status(app, number.phone_number, number.sip_outbound_trunk_config, facts, now_ms=now_ms)
            for number in numbers
        )
        return [status for status in all_of_them if status]

    return await asyncio.to_thread(found)  # of ten thousand trunks callers would hear it


async def _facts(ari: Ari) -> TrunkFacts:
    try:
        endpoints, metrics = await ari.endpoint_states(), await ari.metrics()
    except AsteriskError as error:
        return TrunkFacts({}, None, fault=str(error))
    return TrunkFacts(endpoints, None if metrics is None else registration_states(metrics))
