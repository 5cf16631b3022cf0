"""The end of a channel that has been ours: sent on into the dialplan, or hung up, whatever happens to one request.

    asked, three times ──fails──▶ hung up, three times ──fails──▶ left to the sweep of orphans

A channel that stayed in Stasis() would be a caller on the line with nobody. One request can fail for many reasons: an
Asterisk that stalls answers none of them in time and fulfils them all later, in no certain order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, AsteriskRefused, ChannelGone

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.5
"""After the first attempt; doubled after each other one, so that an Asterisk out of reach may be away for 15 s."""
_ATTEMPTS: Final = 6
_NOT_IN_STASIS: Final = 409


async def end_channel(
    ari: Ari,
    channel_id: str,
    variables: Mapping[str, str],
    *,
    q850_cause: int | None = None,
    pause_s: float = PAUSE_S,
) -> bool:
    """Set channel variables, then hang the channel up with this cause; without one, send it on in the dialplan.

    Returns False where the channel was gone before. Done as well where it runs in the dialplan already. Never raises
    AsteriskError: what fails to the last is logged.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        hangs_up = q850_cause is not None or attempt > _ATTEMPTS // 2
        try:
            await _set(ari, channel_id, variables, must=attempt == 1)
            if hangs_up:
                await ari.hang_up(channel_id, q850_cause=q850_cause)
            else:
                await ari.continue_in_dialplan(channel_id)
        except ChannelGone:
            return False  # the caller was faster
        except AsteriskError as error:
            if not hangs_up and isinstance(error, AsteriskRefused) and error.status == _NOT_IN_STASIS:
                return True
            what = "hung up" if hangs_up else "sent on in the dialplan"
            log.warning("channel not %s: %s", what, error, extra={"channel_id": channel_id, "attempt": attempt})
        else:
            return True
        if attempt < _ATTEMPTS:
            await asyncio.sleep(pause_s * 2 ** (attempt - 1))
    log.error("channel left to the sweep of orphans", extra={"channel_id": channel_id})
    return True


async def decline(ari: Ari, channel_id: str) -> None:
    """Send a caller on who came too late: the dialplan tries another controller, or says that there is none."""
    log.info("caller declined: the controller is about to stop", extra={"channel_id": channel_id})
    reason = DisconnectionReason.ERROR_RETELL.value
    await end_channel(ari, channel_id, {"ARI_AGENT_DISCONNECTION_REASON": reason, "ARI_AGENT_DECLINED": "yes"})


async def _set(ari: Ari, channel_id: str, variables: Mapping[str, str], *, must: bool) -> None:
    """Set channel variables. must: raise what fails; else a channel without them is better than one that stays."""
    try:
        await ari.set_variables(channel_id, variables)
    except AsteriskError as error:
        if must or isinstance(error, ChannelGone):
            raise
        log.warning("channel variables not set: %s", error, extra={"channel_id": channel_id})


async def release(*requests: Awaitable[object]) -> None:
    """Give back what a call holds in Asterisk, all at once; what fails is logged, and left to the sweep of orphans."""
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, AsteriskError):
            log.warning("not released yet: %s", outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
