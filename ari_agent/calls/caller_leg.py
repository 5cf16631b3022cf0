"""The caller's side of one call inside Asterisk: the SIP channel, the bridge, the external media channel.

                    bridge {app}-bridge-{call_id}
    SIP channel ─────────┴───────── external media {app}-media-{call_id} ── RTP ── us

While a REFER waits for its outcome the SIP channel is away in the dialplan; bridge and external media stay, so that a
caller who comes back finds the same audio path and the same agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Literal

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.fallback import FALLBACK_CONTEXT, FALLBACK_EXTENSION
from ari_agent.asterisk.header_reader import CALL_ID
from ari_agent.asterisk.names import bridge_id, media_channel_id
from ari_agent.asterisk.refer import REFER_CONTEXT, REFER_EXTENSION
from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.calls.channel_end import end_channel
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import AsteriskError, InvalidTransferTarget, TransferNotSetUp
from ari_agent.gather import gather
from ari_agent.media.socket import host_and_port

log = logging.getLogger(__name__)


class CallerLeg:
    """The caller's channel of one call. Every method sends one or a few ARI requests, each with the client's timeout.

    channel_id: set anew where another channel has taken the caller's place. linked_id: the caller's own channel, where
    that one only links our bridge to theirs; None where it is theirs.

    Raises (all methods but `end`, `release` and what answers None): AsteriskError.
    """

    def __init__(self, ari: Ari, *, app: str, call_id: str, channel_id: str) -> None:
        self.channel_id = channel_id
        self.linked_id: str | None = None
        self._ari = ari
        self._media_id = media_channel_id(app, call_id)
        self._bridge_id = bridge_id(app, call_id)
        self._has_media = False

    async def join_media(self, host: str, port: int, *, codec: str) -> tuple[str, int]:
        """Put the caller into a bridge with external media in this codec that sends to host:port.

        Returns where our RTP must go.
        """
        self._has_media = True  # from here on there may be something to release, whatever fails
        media, _ = await gather(
            self._ari.external_media(
                channel_id=self._media_id, external_host=host_and_port(host, port), audio_format=codec
            ),
            self._ari.create_bridge(self._bridge_id),
        )
        await self._ari.add_to_bridge(self._bridge_id, self.channel_id, self._media_id)
        return media.host, media.port

    async def answer(self) -> None:
        """Answer the caller with 200 OK."""
        await self._ari.answer(self.channel_id)

    async def leave_for_refer(self, variables: Mapping[str, str]) -> None:
        """Send the channel to the dialplan's REFER detour; it returns with a StasisStart.

        Raises:
            TransferNotSetUp: the dialplan has no such context; the caller would be lost in it.
        """
        await self._leave_for(REFER_CONTEXT, REFER_EXTENSION, variables)

    async def leave_for_fallback(self, variables: Mapping[str, str]) -> None:
        """Send the channel to where the dialplan dials the fallback number; it returns only if that fails.

        Raises:
            TransferNotSetUp: the dialplan has no such context; the caller would be lost in it.
        """
        await self._leave_for(FALLBACK_CONTEXT, FALLBACK_EXTENSION, variables)

    async def leave_for_extension(self, context: str, extension: str, variables: Mapping[str, str]) -> None:
        """Send the channel on into the dialplan, where an extension of the PBX is; it does not return.

        Raises:
            InvalidTransferTarget: the context does not have it.
        """
        if not await self._has_extension(context, extension):
            raise InvalidTransferTarget(extension, f"the dialplan's context {context} has no such extension")
        await self._ari.set_variables(self.channel_id, variables)
        await self._ari.continue_in_dialplan(self.channel_id, context=context, extension=extension, priority=1)

    async def _has_extension(self, context: str, extension: str) -> bool:
        # None, and taken on trust, where Asterisk does not load func_dialplan.
        exists = await self._ari.read_variable(self.channel_id, f"DIALPLAN_EXISTS({context},{extension},1)")
        return exists != "0"

    async def _leave_for(self, context: str, extension: str, variables: Mapping[str, str]) -> None:
        if not await self._has_extension(context, extension):
            raise TransferNotSetUp(context)
        # The application loses its subscription when the channel leaves, and the caller may hang up out there.
        await self._ari.subscribe_channel(self.channel_id)
        await self._ari.set_variables(self.channel_id, variables)
        await self._ari.continue_in_dialplan(self.channel_id, context=context, extension=extension)

    async def is_held(self) -> bool | None:
        """Return whether the far end holds the call; None where Asterisk cannot tell, or is out of reach."""
        return (await self._sip_audio("hold"))[1]

    async def is_encrypted(self) -> bool | None:
        """Return whether there is audio, and it is SRTP; None where Asterisk cannot tell, or is out of reach."""
        is_sip, is_secure = await self._sip_audio("secure")
        return is_secure or False if is_sip else None

    async def _sip_audio(self, what: Literal["hold", "secure"]) -> tuple[bool, bool | None]:
        """Return whether this is a SIP channel, and what is true of its audio; None where it has none."""
        function = f"CHANNEL(rtp,{what})"
        try:
            facts = await self._ari.read_variables(self.channel_id, (CALL_ID, function))
        except AsteriskError:
            return False, None
        return CALL_ID in facts, {"1": True, "0": False}.get(facts.get(function, ""))

    async def rtp_statistics(self) -> RtpStatistics | None:
        """Return what Asterisk has received from the caller; None where it does not say."""
        try:
            return await self._ari.rtp_statistics(self.channel_id)
        except AsteriskError as error:
            log.info("RTP statistics not read: %s", error)
            return None

    async def rejoin_bridge(self) -> None:
        """Put the channel back into the bridge after a transfer that failed."""
        await self._ari.add_to_bridge(self._bridge_id, self.channel_id)

    async def send_dtmf(self, digits: str) -> None:
        """Send DTMF digits to the caller as RFC 4733 events."""
        await self._ari.send_dtmf(self.channel_id, digits)

    async def end(self, variables: Mapping[str, str], *, q850_cause: int | None) -> None:
        """Send BYE, or before the answer the SIP failure response of the cause; without a cause, send the channel on.

        Whatever fails, the channel ends: see `end_channel`.
        """
        await end_channel(self._ari, self.channel_id, variables, q850_cause=q850_cause)
        if self.linked_id is not None and self.linked_id != self.channel_id:
            # The dialplan has nothing for a link, and Asterisk may leave whom it linked alone in their bridge.
            await end_channel(self._ari, self.linked_id, {}, q850_cause=q850_cause or NORMAL_CLEARING)

    async def release(self) -> None:
        """Give back bridge and external media; what fails is logged, and left to the sweep of orphans."""
        if not self._has_media:
            return
        outcomes = await asyncio.gather(
            self._ari.hang_up(self._media_id), self._ari.destroy_bridge(self._bridge_id), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, AsteriskError):
                log.warning("not released yet: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
