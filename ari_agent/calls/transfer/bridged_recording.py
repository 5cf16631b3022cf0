"""The recording of a call whose caller and target were left alone: Asterisk sends us each of them, until one leaves.

    left alone ── begin ──▶ both are heard ── one hangs up, the controller stops ──▶ end
                    │                                                                ▲
                    └─ Asterisk refuses, no port is free, somebody has hung up ──────┘

The two hear nothing of it, whatever happens: they talk in a bridge that nothing here touches.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.media.line_recording import LEGS, LineRecording
from ari_agent.calls.transfer.snooped_line import SnoopedLine
from ari_agent.contract.sip_timeline import SipLeg
from ari_agent.errors import AsteriskError, ChannelGone, NoRtpPort
from ari_agent.gather import gather

HANGS_UP_WITHIN_S: Final = 1.0
"""Asterisk (22.10) answers 500 for a channel that is about to hang up: so long it may take until an event says so."""


class BridgedRecording:
    """Records two people who were left alone. lines: where their audio comes in; closed in the end.

    is_listening: Asterisk may have something that is ours, and not yet given back. hangs_up_within_s: see
    HANGS_UP_WITHIN_S.
    """

    def __init__(
        self,
        ari: Ari,
        lines: LineRecording,
        *,
        app: str,
        call_id: str,
        log: CallLog,
        hangs_up_within_s: float = HANGS_UP_WITHIN_S,
    ) -> None:
        self._lines, self._log, self._hangs_up_within_s = lines, log, hangs_up_within_s
        self.is_listening = True
        self._snooped = {leg: SnoopedLine(ari, app=app, call_id=call_id, leg=leg) for leg in LEGS}

    async def begin(self, caller_channel_id: str, target_channel_id: str) -> str | None:
        """Have both heard. Returns why that cannot be, in a sentence for the record; None where they are, or left.

        To be cancelled when the call ends: then what Asterisk refused meanwhile is no fault.
        """
        try:
            addresses = self._lines.open()
            await gather(
                self._hear("caller", caller_channel_id, addresses["caller"]),
                self._hear("target", target_channel_id, addresses["target"]),
            )
        except ChannelGone as error:
            self._log.info("recording ends with the agent: %s", error)
        except (AsteriskError, NoRtpPort) as error:
            await self._give_back()
            await asyncio.sleep(self._hangs_up_within_s)
            self._log.warning("recording ends with the agent: %s", error)
            return f"The recording ends where caller and target were left alone: {error}"
        else:
            self._tell(records=True)
            return None
        await self._give_back()
        return None

    async def _hear(self, leg: SipLeg, channel_id: str, address: tuple[str, int]) -> None:
        media = await self._snooped[leg].make(channel_id, *address, codec=self._lines.codec)
        self._lines.accept_from(leg, media.host, media.port)
        await self._snooped[leg].join()

    def _tell(self, *, records: bool) -> None:
        self._log.info("recording of caller and target %s", "begins" if records else "ends")
        self._log.public.add("bridged_recording", records=records)

    async def follow_caller(self, channel_id: str) -> None:
        """Hear another channel in the caller's place; where Asterisk refuses, that side is silent from now on."""
        if not self._lines.is_open:
            return
        try:
            await self._snooped["caller"].follow(channel_id)
        except AsteriskError as error:
            self._log.warning("who has taken the caller's place is not recorded: %s", error)

    async def end(self) -> None:
        """Record nothing more, from this moment, and give back what Asterisk has for it. Raises no AsteriskError."""
        if self._lines.is_open:
            self._tell(records=False)
        await self._give_back()

    async def _give_back(self) -> None:
        self._lines.close()
        await asyncio.gather(*(line.end() for line in self._snooped.values()))
        self.is_listening = False
