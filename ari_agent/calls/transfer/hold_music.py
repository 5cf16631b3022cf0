"""What a caller hears who waits for the target of a transfer: ringing, music, or nothing."""

from __future__ import annotations

import logging
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.errors import AsteriskError

log = logging.getLogger(__name__)

RINGTONE: Final = "ringtone"
"""The ringing tone of the PBX's country, which Asterisk makes itself: see indications.conf."""
NOTHING: Final = "none"
PRESETS: Final = frozenset({"relaxing_sound", "uplifting_beats"})
"""The names of Retell's own music, which the shipped musiconhold.conf has as classes of ours."""


def music_class(wanted: str) -> str:
    """Return the name in musiconhold.conf of what `on_hold_music` asks for: one of ours, or a class of that name."""
    return f"ari-agent-{wanted}" if wanted in PRESETS else wanted


class HoldMusic:
    """What the caller of one call hears while it waits. Whatever fails is logged, and the caller then hears nothing.

    A class that musiconhold.conf does not have would play nothing, and Asterisk would not say so: the caller hears
    ringing instead. That is known by AST_CONFIG(), where Asterisk has the module func_config; elsewhere the class is
    taken on trust.
    """

    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._playing: tuple[str, str] | None = None

    @property
    def playing(self) -> object:
        """What is played now, another object after each `start`; None where nothing is."""
        return self._playing

    async def start(self, channel_id: str, wanted: str) -> None:
        """Play to a channel what `on_hold_music` asks for, in place of what it hears; what was played before ends."""
        await self.stop()
        if wanted == NOTHING:
            return
        self._playing = channel_id, wanted
        try:
            if wanted != RINGTONE and await self._lacks(channel_id, name := music_class(wanted)):
                log.warning("ringing instead of music: musiconhold.conf has no class %s", name)
                self._playing = channel_id, (wanted := RINGTONE)
            if wanted == RINGTONE:
                await self._ari.ring(channel_id)
            else:
                await self._ari.start_music(channel_id, music_class(wanted))
        except AsteriskError as error:
            log.warning("waiting caller hears nothing: %s", error, extra={"channel_id": channel_id})

    async def _lacks(self, channel_id: str, name: str) -> bool:
        mode, control = f"AST_CONFIG(musiconhold.conf,{name},mode)", "AST_CONFIG(modules.conf,modules,autoload)"
        found = await self._ari.read_variables(channel_id, (mode, control))
        return control in found and mode not in found

    async def stop(self) -> None:
        """Stop what is played; does nothing where nothing is."""
        if self._playing is None:
            return
        (channel_id, wanted), self._playing = self._playing, None
        try:
            if wanted == RINGTONE:
                await self._ari.stop_ringing(channel_id)
            else:
                await self._ari.stop_music(channel_id)
        except AsteriskError as error:
            log.info("what a waiting caller heard was not stopped: %s", error, extra={"channel_id": channel_id})
