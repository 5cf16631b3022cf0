"""Chats that an earlier run, or a controller that is no more, left behind.

Unanswered ones go on, those that fell silent end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.events import FellSilent, Resumed
from ari_agent.chats.live_chats import LiveChats
from ari_agent.contract.chat import Chat
from ari_agent.errors import ChatNotOngoing, StoreError, UnknownAsset

log = logging.getLogger(__name__)

SWEEP_EVERY_S: Final = 60.0
LOOK_FOR_ASTERISK_EVERY_S: Final = 1.0


class ChatRecovery:
    """Resumes or ends what an earlier run left behind; one object serves the whole controller.

    can_send: tells whether Asterisk is within reach.
    """

    def __init__(self, services: ChatDependencies, live: LiveChats, *, can_send: Callable[[], bool]) -> None:
        self._services = services
        self._live = live
        self._can_send = can_send

    async def run(self) -> None:
        """Look for such chats every minute, until cancelled."""
        while True:
            waits_for_asterisk = False
            try:
                waits_for_asterisk = await self._go_on()
                await self._post_all(await self._services.store.chats.fallen_silent(), FellSilent())
            except StoreError as error:
                log.error("chats of earlier not looked after yet: %s", error)
            await asyncio.sleep(LOOK_FOR_ASTERISK_EVERY_S if waits_for_asterisk else SWEEP_EVERY_S)

    async def _go_on(self) -> bool:
        """Let agents answer what an earlier run left unanswered. True: somebody waits, but nothing can be sent yet."""
        left = [chat for chat in await self._services.store.chats.unanswered() if not self._live.get(chat.chat_id)]
        if left and not self._can_send():
            return True
        await self._post_all(left, Resumed())
        return False

    async def _post_all(self, chats: Iterable[Chat], event: object) -> None:
        """Resume chats and post them an event; those that this process leads already are left alone."""
        for chat in chats:
            if self._live.get(chat.chat_id):
                continue
            if not self._live.has_room():
                return  # the next time
            try:
                if not await self._services.store.chats.take(chat.chat_id, if_free=True):
                    continue  # another controller was faster
                session = await self._live.ongoing(chat.chat_id)
            except (UnknownAsset, ChatNotOngoing):
                continue  # ended or deleted since
            session.post(event)
