"""A caller with an agent, and a target for the transfer: what the tests of dialled transfers stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np

from tests.fakes.agent_server import Script, listen
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import find_pieces, noise
from tests.fakes.tones import as_sent, first_ms
from tests.integration.stage import Connected, Stage

TO: Final = "+14155559999"
TARGET_ADDRESS: Final = "127.0.0.4"
BRIDGE: Final = {"event": "transfer", "transfer": {"action": "bridge"}}
CANCEL: Final = {"event": "transfer", "transfer": {"action": "cancel"}}
EVENTS: Final = (
    "call_started",
    "call_ended",
    "transfer_started",
    "transfer_bridged",
    "transfer_cancelled",
    "transfer_ended",
)


@asynccontextmanager
async def connected_with_target(
    stage: Stage,
    script: Script = listen,
    *,
    number: Mapping[str, Any] | None = None,
    agent: Mapping[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[tuple[Connected, SipCallee]]:
    """A caller through to an agent, on a number whose trunk leads to a target that has not been called yet."""
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address=TARGET_ADDRESS) as target:
        trunk = {"termination_uri": target.uri, "transport": "UDP", **(number or {})}
        told = {"webhook_events": EVENTS, **(agent or {})}
        async with stage.connected(script, number=trunk, agent=told, **more) as call:
            yield call, target


async def hear_each_other(call: Connected, target: SipCallee) -> None:
    """Noise from each reaches the other."""
    for speaker, listener in ((call.caller, target), (target, call.caller)):
        said = noise(0.6)
        since_s = listener.audio.heard[-1].time_s if listener.audio.heard else 0.0
        speaker.audio.say(said)
        await speaker.audio.said()
        await asyncio.sleep(0.3)
        pieces = [match.similarity for match in find_pieces(said, listener.audio.sound(since_s=since_s))]
        assert max(pieces) > 0.99, pieces


def music_until(call: Connected, frequency_hz: float) -> np.ndarray[Any, Any]:
    """What was sent to the caller, from the first sound to the first moment of this tone."""
    heard = as_sent(call.caller.audio.heard)
    end_ms = first_ms(heard, frequency_hz)
    assert end_ms is not None, "the caller never heard it"
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 100)
    return heard[loud[0] : end_ms * 8]


async def transfer_events(stage: Stage, call_id: str) -> Sequence[str]:
    """The names of the webhooks about a call that has ended, sorted, but for those that every call has."""
    await stage.events.event("call_ended", call_id=call_id)
    return sorted(name for name in stage.events.events(call_id=call_id) if name.startswith("transfer"))


async def snoops(stage: Stage) -> int:
    """How many channels and bridges of Asterisk serve to hear people who were left alone."""
    shown = await stage.pbx.cli("core show channels concise"), await stage.pbx.cli("bridge show all")
    return sum("ari_agent-snoop-" in line for each in shown for line in each.splitlines())


async def nothing_is_left(stage: Stage) -> None:
    """Until Asterisk has no channel and no bridge, and the controller no call, slot and RTP socket."""
    await stage.idle()
    assert "ari_agent" not in await stage.pbx.cli("bridge show all")
    metrics = await stage.controller.metrics()
    assert metrics["ari_agent_slots_in_use"] == 0
    assert not [name for name, value in metrics.items() if name.startswith("ari_agent_calls{") and value]
    assert stage.controller.udp_sockets() == 0
