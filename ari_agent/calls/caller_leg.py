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
from typing import Final

from ari_agent.asterisk.ari import Ari, ExternalMedia
from ari_agent.asterisk.caller_refer import TRANSFER_CONTEXT, CallerTransfers, handling, undone
from ari_agent.asterisk.codecs import NEGOTIATED, first_codec
from ari_agent.asterisk.fallback import FALLBACK_CONTEXT, FALLBACK_EXTENSION
from ari_agent.asterisk.names import bridge_id, media_channel_id
from ari_agent.asterisk.refer import REFER_CONTEXT, REFER_EXTENSION
from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.asterisk.shared_channels import APP_VARIABLE
from ari_agent.calls.channel_end import end_channel, release
from ari_agent.calls.resumption import LeftBehind
from ari_agent.calls.sip_audio import is_encrypted, is_held
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.errors import AsteriskError, AsteriskRefused, ChannelGone, InvalidTransferTarget, TransferNotSetUp
from ari_agent.gather import gather
from ari_agent.media.socket import host_and_port

log = logging.getLogger(__name__)

_THERE_ALREADY: Final = 409
_MEDIA_ATTEMPTS: Final = 40
_MEDIA_RETRY_S: Final = 0.05
"""A channel that is hung up keeps its name for a few milliseconds, or longer where Asterisk is busy."""


class CallerLeg:
    """The caller's channel of one call. Every method sends one or a few ARI requests, each with the client's timeout.

    bridge_id: of the main bridge, which the caller is in.
    channel_id: see `replace_channel`. linked_id: the caller's own channel, where
    that one only links our bridge to theirs; None where it is theirs.

    Raises (all methods but `end`, `release` and what answers None): AsteriskError.
    """

    def __init__(self, ari: Ari, *, app: str, call_id: str, channel_id: str) -> None:
        self.channel_id = channel_id
        self.linked_id: str | None = None
        self._ari = ari
        self._undo: Mapping[str, str] = {}
        self._media_id = media_channel_id(app, call_id)
        self.bridge_id = bridge_id(app, call_id)
        self._has_media = False

    def replace_channel(self, channel_id: str) -> None:
        """Go on with another channel, which has taken the caller's place in the bridge."""
        self.channel_id, self.linked_id, self._undo = channel_id, None, {}

    async def handle_refers(self, policy: CallerTransfers) -> None:
        """Have Asterisk follow the policy with REFERs that the caller's phone sends. Raises nothing."""
        try:
            before = await self._ari.read_variable(self.channel_id, TRANSFER_CONTEXT) if policy == "refuse" else None
            await self._ari.set_variables(self.channel_id, handling(policy))
        except ChannelGone:
            return
        except AsteriskError as error:
            log.warning(
                "REFERs of the caller's phone stay Asterisk's: %s", error, extra={"channel_id": self.channel_id}
            )
            return
        self._undo = undone(policy, before or "")

    async def let_go(self, channel_id: str) -> None:
        """Hang up a channel whose place another has taken (RFC 3891 section 3), unless Asterisk has. Raises nothing."""
        await end_channel(self._ari, channel_id, {}, q850_cause=NORMAL_CLEARING)

    async def join_media(self, host: str, port: int, *, codec: str) -> tuple[str, int]:
        """Put the caller into a bridge with external media in this codec that sends to host:port.

        Returns where our RTP must go.
        """
        self._has_media = True  # from here on there may be something to release, whatever fails
        media, _ = await gather(
            self._external_media(host, port, codec),
            self._ari.create_bridge(self.bridge_id),
        )
        await self._ari.add_to_bridge(self.bridge_id, self.channel_id, self._media_id)
        return media.host, media.port

    async def resume_media(self, host: str, port: int, *, codec: str, left: LeftBehind) -> tuple[str, int]:
        """Put a caller whom an earlier run has left into a bridge with new external media; see `join_media`.

        left: what that run has made, which is removed, the caller's music and ringing too.
        """
        self._has_media = True
        await self._remove_channels(left)
        media = await self._new_media(host, port, codec)
        try:
            await self._ari.create_bridge(self.bridge_id)
        except AsteriskRefused as error:
            if error.status != _THERE_ALREADY:
                raise
        await self._ari.add_to_bridge(self.bridge_id, self.channel_id, self._media_id)
        await release(self._ari.stop_music(self.channel_id), self._ari.stop_ringing(self.channel_id))
        await self._remove_bridges(left)
        return media.host, media.port

    async def remove(self, left: LeftBehind) -> None:
        """Remove what an earlier run has made, but for the caller's channel. Raises nothing."""
        await self._remove_channels(left)
        await self._remove_bridges(left)

    async def _remove_channels(self, left: LeftBehind) -> None:
        await release(*(self._ari.hang_up(channel_id) for channel_id in left.channels))

    async def _remove_bridges(self, left: LeftBehind) -> None:
        await release(*(self._ari.destroy_bridge(bridge_id) for bridge_id in left.bridges))

    async def _new_media(self, host: str, port: int, codec: str) -> ExternalMedia:
        """Make the external media channel, once more where one of this name has not gone yet."""
        for _ in range(_MEDIA_ATTEMPTS - 1):
            try:
                return await self._external_media(host, port, codec)
            except AsteriskRefused as error:
                log.debug("external media not made yet: %s", error, extra={"channel_id": self._media_id})
                await asyncio.sleep(_MEDIA_RETRY_S)
        return await self._external_media(host, port, codec)

    async def _external_media(self, host: str, port: int, codec: str) -> ExternalMedia:
        return await self._ari.external_media(
            channel_id=self._media_id, external_host=host_and_port(host, port), audio_format=codec
        )

    def adopt(self) -> None:
        """Take over the bridge of an earlier run, so that `release` gives it back."""
        self._has_media = True

    async def ring(self) -> None:
        """Tell the caller that it rings, by 180 Ringing."""
        await self._ari.ring(self.channel_id)

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
        await self.check_extension(context, extension)
        await self._ari.set_variables(self.channel_id, {**variables, **self._undo})
        await self._ari.continue_in_dialplan(self.channel_id, context=context, extension=extension, priority=1)

    async def check_extension(self, context: str, extension: str) -> None:
        """Check that the dialplan has an extension. Raises InvalidTransferTarget: it has not."""
        if not await self._has_extension(context, extension):
            raise InvalidTransferTarget(extension, f"the dialplan's context {context} has no such extension")

    async def _has_extension(self, context: str, extension: str) -> bool:
        # None, and taken on trust, where Asterisk does not load func_dialplan.
        exists = await self._ari.read_variable(self.channel_id, f"DIALPLAN_EXISTS({context},{extension},1)")
        return exists != "0"

    async def _leave_for(self, context: str, extension: str, variables: Mapping[str, str]) -> None:
        if not await self._has_extension(context, extension):
            raise TransferNotSetUp(context)
        # The application loses its subscription when the channel leaves, and the caller may hang up out there.
        await self._ari.subscribe_channel(self.channel_id)
        await self._ari.set_variables(self.channel_id, {**variables, APP_VARIABLE: self._ari.app})  # to come back to
        await self._ari.continue_in_dialplan(self.channel_id, context=context, extension=extension)

    async def is_held(self) -> bool | None:
        """Return whether the far end holds the call; None where Asterisk cannot tell, or is out of reach."""
        return await is_held(self._ari, self.channel_id)

    async def is_encrypted(self) -> bool | None:
        """Return whether there is audio, and it is SRTP; None where Asterisk cannot tell, or is out of reach."""
        return await is_encrypted(self._ari, self.channel_id)

    async def rtp_statistics(self) -> RtpStatistics | None:
        """Return what Asterisk has counted of the caller's audio; None where it does not say."""
        try:
            return await self._ari.rtp_statistics(self.channel_id)
        except AsteriskError as error:
            log.info("RTP statistics not read: %s", error)
            return None

    async def codec(self) -> str | None:
        """Return the codec of the caller's phone, under Asterisk's name; None where Asterisk does not say."""
        try:
            return first_codec(await self._ari.read_variable(self.channel_id, NEGOTIATED) or "")
        except AsteriskError as error:
            log.info("codec not read: %s", error)
            return None

    async def rejoin_bridge(self) -> None:
        """Put the channel back into the bridge after a transfer that failed."""
        await self._ari.add_to_bridge(self.bridge_id, self.channel_id)

    async def leave_agent(self) -> None:
        """Take the agent's audio out of the bridge: the caller waits alone, and neither hears the other."""
        await self._ari.remove_from_bridge(self.bridge_id, self._media_id)

    async def rejoin_agent(self) -> None:
        """Put the agent's audio back into the bridge."""
        await self._ari.add_to_bridge(self.bridge_id, self._media_id)

    async def release_media(self) -> None:
        """Give back the external media channel; caller and bridge stay."""
        await self._ari.hang_up(self._media_id)

    async def send_dtmf(self, digits: str) -> None:
        """Send DTMF digits to the caller as RFC 4733 events."""
        await self._ari.send_dtmf(self.channel_id, digits)

    async def end(self, variables: Mapping[str, str], *, q850_cause: int | None) -> bool:
        """Send BYE, or before the answer the SIP failure response of the cause; without a cause, send the channel on.

        Whatever fails, the channel ends: see `end_channel`. Returns False where it was gone before.
        """
        if q850_cause is None:
            variables = {**variables, **self._undo}
        was_there = await end_channel(self._ari, self.channel_id, variables, q850_cause=q850_cause)
        if self.linked_id is not None and self.linked_id != self.channel_id:
            # The dialplan has nothing for a link, and Asterisk may leave whom it linked alone in their bridge.
            await end_channel(self._ari, self.linked_id, {}, q850_cause=q850_cause or NORMAL_CLEARING)
        return was_there

    async def release(self) -> None:
        """Give back bridge and external media; what fails is logged, and left to the sweep of orphans."""
        if self._has_media:
            await release(self._ari.hang_up(self._media_id), self._ari.destroy_bridge(self.bridge_id))
