"""Whether the far end of an outgoing call has said anything yet, which no event tells: `100 Trying` changes no state.

Asterisk notes the latest SIP response of a channel, whatever it is, for HANGUPCAUSE(). Measured on Asterisk 22: the
list that HANGUPCAUSE_KEYS() gives is empty until the first response, and then the value is `SIP 100 Trying`.
"""

from __future__ import annotations

import re
from typing import Final

from ari_agent.asterisk.ari import Ari

_PROVISIONAL: Final = re.compile(r"SIP 1[0-9][0-9]\b")


async def got_provisional_response(ari: Ari, *, channel_id: str, channel_name: str) -> bool:
    """Whether the INVITE got a provisional response (RFC 3261 section 21.1). A challenge for a password is none.

    True also where Asterisk cannot tell, for want of func_hangupcause. Raises: AsteriskError.
    """
    known = await ari.read_variable(channel_id, "HANGUPCAUSE_KEYS()")
    if known is None:
        return True
    if not known:
        return False
    latest = await ari.read_variable(channel_id, f"HANGUPCAUSE({channel_name},tech)")
    return latest is None or _PROVISIONAL.match(latest) is not None
