"""Keeps the trunks in Asterisk what the stored phone numbers say, through changes and restarts of either side."""

from __future__ import annotations

import asyncio
import logging

from ari_agent.asterisk.trunks import Trunks
from ari_agent.errors import AsteriskError, AsteriskUnreachable
from ari_agent.store.store import Store

log = logging.getLogger(__name__)


class TrunkKeeper:
    """One for all numbers. Trunks change one after the other, each as its number is stored at that moment."""

    def __init__(self, store: Store, trunks: Trunks) -> None:
        self._store = store
        self._trunks = trunks
        self._turn = asyncio.Lock()

    async def refresh(self, phone_number: str) -> None:
        """Bring one trunk up to date. What fails is logged: the next connection to Asterisk brings all of them."""
        try:
            await self._refresh(phone_number)
        except AsteriskError as error:
            log.warning("trunk not brought up to date yet: %s", error, extra={"phone_number": phone_number})

    async def refresh_all(self) -> None:
        """Bring every trunk up to date, and remove those whose number is gone.

        Raises:
            AsteriskUnreachable: to be tried again.
        """
        phone_numbers = await self._phone_numbers()
        for phone_number in phone_numbers:
            try:
                await self._refresh(phone_number)
            except AsteriskUnreachable:
                raise
            except AsteriskError as error:
                log.error(
                    "trunk refused; sorcery.conf must map endpoint, auth and aor to memory too: %s",
                    error,
                    extra={"phone_number": phone_number},
                )
        async with self._turn:
            await self._trunks.remove_others(frozenset(await self._phone_numbers()))

    async def _refresh(self, phone_number: str) -> None:
        async with self._turn:
            number = await self._store.phone_numbers.get(phone_number)
            await self._trunks.put(phone_number, number.sip_outbound_trunk_config if number else None)

    async def _phone_numbers(self) -> list[str]:
        found: list[str] = []
        key = None
        while True:
            page = await self._store.phone_numbers.list(limit=1000, pagination_key=key)
            found += [number.phone_number for number in page.phone_numbers]
            if (key := page.next_key) is None:
                return found
