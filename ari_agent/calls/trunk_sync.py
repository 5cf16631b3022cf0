"""Keeps the trunks in Asterisk what the stored phone numbers say, through changes and restarts of either side.

Each controller looks after its own Asterisk. What another one changes is seen within a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.asterisk.trunk_diagnosis import why_unreachable
from ari_agent.asterisk.trunks import Trunks
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.errors import AsteriskError, AsteriskUnreachable, StoreError
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

_REMEDY: Final = (
    "sorcery.conf must map endpoint, auth and aor, and for trunks that take calls identify and registration, to memory "
    "too, as the shipped one does, and Asterisk must be restarted as a whole after that: a reload does not read it"
)
_DIAGNOSIS_EVERY_S: Final = 60.0
"""How many seconds pass before a trunk is diagnosed again, as a batch of thousands may fail on a dead trunk."""
_LOOK_S: Final = 0.5
"""How many seconds pass before it is looked again whether another controller has changed a number."""
_TROUBLE_S: Final = 5.0
"""The same after the database failed."""


class TrunkSync:
    """Keeps all trunks in Asterisk as their numbers are stored. Trunks change one after the other."""

    def __init__(self, store: Store, trunks: Trunks) -> None:
        self._store = store
        self._trunks = trunks
        self._turn = asyncio.Lock()
        self._diagnosed_s: dict[str, float] = {}
        self._live: dict[str, int] = {}
        """The numbers as Asterisk has them: when each was changed last, in milliseconds since 1970."""
        self._all_live = asyncio.Event()

    async def refresh(self, phone_number: str) -> str | None:
        """Bring one trunk up to date; returns why calls out will not work and what to do, None where they will.

        What fails is logged, too: the next connection to Asterisk brings all of them.
        """
        try:
            await self._refresh(phone_number)
        except AsteriskUnreachable as error:
            log.warning("trunk not brought up to date yet: %s", error, extra={"phone_number": phone_number})
            return "Asterisk is not reachable; the trunk is made as soon as it is"
        except AsteriskError as error:
            log.error("trunk refused: %s; %s", error, _REMEDY, extra={"phone_number": phone_number})
            return f"Asterisk takes no trunk: {_REMEDY}"
        return None

    async def diagnose(self, phone_number: str) -> str | None:
        """Return why calls through this trunk fail, for the log; None where that was told within the last minute."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._diagnosed_s.get(phone_number, -_DIAGNOSIS_EVERY_S) < _DIAGNOSIS_EVERY_S:
            return None
        self._diagnosed_s[phone_number] = now_s
        number = await self._store.phone_numbers.get(phone_number)
        config = number.sip_outbound_trunk_config if number else None
        return "its number is gone" if config is None else await why_unreachable(config)

    async def status(self, phone_number: str, *, now_ms: int) -> TrunkStatus | None:
        """Ask Asterisk how the trunk of a number is; None where there is no such number, or it has no trunk.

        What keeps it from being reached is looked for from here, for some seconds: see `why_unreachable`.
        """
        number = await self._store.phone_numbers.get(phone_number)
        found = await self._trunks.statuses([number] if number else [], now_ms=now_ms)
        if not found or number is None or number.sip_outbound_trunk_config is None:
            return None
        [status] = found
        if status.state != "unreachable":
            return status
        why = await why_unreachable(number.sip_outbound_trunk_config)
        return status.model_copy(update={"last_error": f"{status.last_error}; {why}"})

    async def statuses(self, *, now_ms: int) -> Sequence[TrunkStatus]:
        """Ask Asterisk how all trunks are, in the order of their numbers."""
        return await self._trunks.statuses(await self._numbers(), now_ms=now_ms)

    async def states(self, numbers: Sequence[PhoneNumber], *, now_ms: int) -> Mapping[str, TrunkStatus]:
        """Ask Asterisk how the trunks of these numbers are; those without a trunk are left out."""
        found = await self._trunks.statuses(numbers, now_ms=now_ms)
        return {status.phone_number: status for status in found}

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
                log.error("trunk refused: %s; %s", error, _REMEDY, extra={"phone_number": phone_number})
        async with self._turn:
            await self._trunks.remove_others(frozenset(await self._phone_numbers()))
        self._all_live.set()

    async def watch(self) -> None:
        """Bring up to date what other controllers change, from the first `refresh_all` on, until cancelled."""
        await self._all_live.wait()
        seen: tuple[int, int] | None = None
        while True:
            wait_s = _LOOK_S
            try:
                present = await self._store.phone_numbers.fingerprint()
                if present != seen:
                    await self._refresh_changed()
                    seen = present
            except StoreError as error:
                log.error("changes of phone numbers are not seen now: %s", error)
                wait_s = _TROUBLE_S
            await asyncio.sleep(wait_s)

    async def _refresh_changed(self) -> None:
        modified_ms = await self._store.phone_numbers.modified_ms()
        for phone_number in sorted(modified_ms.keys() | self._live.keys()):
            if modified_ms.get(phone_number) != self._live.get(phone_number):
                await self.refresh(phone_number)

    async def _refresh(self, phone_number: str) -> None:
        async with self._turn:
            number = await self._store.phone_numbers.get(phone_number)
            await self._trunks.put(phone_number, number.sip_outbound_trunk_config if number else None)
            if number:
                self._live[phone_number] = number.last_modification_timestamp
            else:
                self._live.pop(phone_number, None)

    async def _phone_numbers(self) -> list[str]:
        return [number.phone_number for number in await self._numbers()]

    async def _numbers(self) -> list[PhoneNumber]:
        found: list[PhoneNumber] = []
        key = None
        while True:
            page = await self._store.phone_numbers.list(limit=1000, pagination_key=key)
            found += page.phone_numbers
            if (key := page.next_key) is None:
                return found
