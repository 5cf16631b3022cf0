"""What Asterisk knows of the audio of a SIP channel."""

from __future__ import annotations

from typing import Literal

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.header_reader import CALL_ID
from ari_agent.errors import AsteriskError


async def is_held(ari: Ari, channel_id: str) -> bool | None:
    """Return whether the far end holds the call; None where Asterisk cannot tell, or is out of reach."""
    return (await _read(ari, channel_id, "hold"))[1]


async def is_encrypted(ari: Ari, channel_id: str) -> bool | None:
    """Return whether there is audio, and it is SRTP; None where Asterisk cannot tell, or is out of reach."""
    is_sip, is_secure = await _read(ari, channel_id, "secure")
    return is_secure or False if is_sip else None


async def _read(ari: Ari, channel_id: str, what: Literal["hold", "secure"]) -> tuple[bool, bool | None]:
    """Return whether this is a SIP channel, and what is true of its audio; None where it has none."""
    function = f"CHANNEL(rtp,{what})"
    try:
        facts = await ari.read_variables(channel_id, (CALL_ID, function))
    except AsteriskError:
        return False, None
    return CALL_ID in facts, {"1": True, "0": False}.get(facts.get(function, ""))
